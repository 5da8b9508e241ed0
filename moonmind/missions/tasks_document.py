"""`tasks.md`: the one source of dependencies and of which subtasks there are. Grammar: `docs/SpecKitAutomation.md`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SubtaskFormat = Literal["checkbox", "table"]


@dataclass(frozen=True, slots=True)
class Subtask:
    """`line`: its number in the file, from 1; `done`: what the file shows, a view of the events."""

    id: str
    text: str
    done: bool
    format: SubtaskFormat
    line: int


@dataclass(frozen=True, slots=True)
class Section:
    """One work package of the file. `phase`: the heading above it; None without one."""

    wp_id: str
    title: str
    phase: str | None
    dependencies: tuple[str, ...]
    subtasks: tuple[Subtask, ...]
    line: int
