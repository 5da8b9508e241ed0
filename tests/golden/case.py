"""A case: what is called, where, and how it ends."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

READING = ("list-tasks", "status", "list-dependents", "validate-workflow", "list", "show")
"""Commands that never write."""


@dataclass(frozen=True, slots=True)
class Case:
    """`line`: what comes after `moonmind`. `code`: how it exits. `shows`: parameters, as click calls them, without
    which the case `unlike` differs. `folder`: below the repository, where it is called. `extra`: files made before, by
    path.
    """

    name: str
    repository: str
    line: str
    code: int = 0
    shows: tuple[str, ...] = ()
    unlike: str = ""
    folder: str = "."
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> list[str]:
        return shlex.split(self.line)

    @property
    def command(self) -> str:
        """`tasks move-task`."""
        return " ".join(self.words[:2])

    @property
    def id(self) -> str:
        """Where it is recorded."""
        return f"{self.words[1]}/{self.name}"

    @property
    def is_reading(self) -> bool:
        """It may change nothing, however it ends."""
        return self.words[1] in READING or "--validate-only" in self.words
