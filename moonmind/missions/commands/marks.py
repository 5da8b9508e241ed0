"""Which subtasks an event is needed for, and what mark-status says of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from moonmind.missions.board import Board
from moonmind.missions.events import SubtaskStatus
from moonmind.missions.snapshot import Snapshot
from moonmind.missions.tasks_document import Subtask

Outcome = Literal["updated", "already_satisfied", "not_found"]


@dataclass(frozen=True, slots=True)
class Mark:
    """What becomes of one id. `wp_id` and `subtask`: None when tasks.md does not have it."""

    id: str
    outcome: Outcome
    wp_id: str | None = None
    subtask: Subtask | None = None

    def is_shown(self, status: SubtaskStatus) -> bool:
        """True when tasks.md shows it so."""
        return self.subtask is not None and self.subtask.done == (status == "done")


def decide_marks(board: Board, task_ids: Sequence[str], status: SubtaskStatus) -> list[Mark]:
    """One for each id, in their order and once."""
    places = {subtask.id: (section.wp_id, subtask) for section in board.sections for subtask in section.subtasks}
    return [_decide_mark(board, task_id, places.get(task_id), status) for task_id in dict.fromkeys(task_ids)]


def _decide_mark(board: Board, task_id: str, place: tuple[str, Subtask] | None, status: SubtaskStatus) -> Mark:
    if place is None:
        return Mark(task_id, "not_found")
    wp_id, subtask = place
    told = board.state_of(wp_id).subtasks.get(task_id, "pending")
    return Mark(task_id, "already_satisfied" if told == status else "updated", wp_id, subtask)


def all_statuses(board: Board, snapshot: Snapshot) -> dict[str, SubtaskStatus]:
    """Of every subtask in tasks.md, as the log tells it; pending, where it says nothing."""
    return {
        subtask.id: snapshot.state_of(section.wp_id).subtasks.get(subtask.id, "pending")
        for section in board.sections
        for subtask in section.subtasks
    }


def checked_by_hand(board: Board, *, besides: Collection[str]) -> list[str]:
    """Subtasks that tasks.md shows as done and the log does not."""
    told = all_statuses(board, board.snapshot)
    return [
        subtask.id
        for section in board.sections
        for subtask in section.subtasks
        if subtask.done and told[subtask.id] == "pending" and subtask.id not in besides
    ]


def marks_document(marks: Sequence[Mark], status: SubtaskStatus) -> dict[str, Any]:
    """The envelope of the design."""
    outcomes = Counter(mark.outcome for mark in marks)
    return {
        "results": [
            {
                "id": mark.id,
                "outcome": mark.outcome,
                "format": mark.subtask.format if mark.subtask else None,
                "message": _message(mark, status),
            }
            for mark in marks
        ],
        "summary": {outcome: outcomes[outcome] for outcome in get_args(Outcome)},
    }


def marks_words(marks: Sequence[Mark], status: SubtaskStatus) -> str:
    """One line for each."""
    return "\n".join(_message(mark, status) for mark in marks)


def _message(mark: Mark, status: SubtaskStatus) -> str:
    if mark.outcome == "not_found":
        return f"{mark.id} is not in tasks.md"
    already = " already" if mark.outcome == "already_satisfied" else ""
    return f"{mark.id} of {mark.wp_id} is {status}{already}"
