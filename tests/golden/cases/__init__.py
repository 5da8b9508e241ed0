"""All cases, by command."""

from __future__ import annotations

from tests.golden.case import Case
from tests.golden.cases import documents, missions, move_task, refused_moves, subtasks, views

CASES: tuple[Case, ...] = (
    *move_task.CASES,
    *refused_moves.CASES,
    *subtasks.CASES,
    *documents.CASES,
    *views.CASES,
    *missions.CASES,
)
