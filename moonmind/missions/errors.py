"""What goes wrong, in words that say what to do. Each has a code for programs, which never changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

REFUSED = 1
"""Exit code: the question was understood and the answer is no, or it could not be done."""
USAGE = 2
"""Exit code: the command line is wrong, or the mission is not found or ambiguous."""


class Refusal(msgspec.Struct, frozen=True):
    """What a core returns instead of a decision. `details`: further keys of the JSON document; `exit_code` as above."""

    code: str
    message: str
    details: Mapping[str, Any] = {}
    exit_code: int = REFUSED


class MissionError(Exception):
    """Ends a command: nothing was changed. `exit_code` as above."""

    def __init__(
        self, code: str, message: str, *, exit_code: int = REFUSED, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.exit_code, self.details = code, exit_code, dict(details or {})


class RefusedError(MissionError):
    """A core's refusal, on its way to the command line."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code, refusal.message, exit_code=refusal.exit_code, details=refusal.details)
