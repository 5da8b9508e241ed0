"""What the parts of redaction hand to each other: where a secret is, and how far it may go on."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

REACH = 4096
"""Bytes from its start within which everything about a secret is decided; what it is longer than that only goes on."""

BEHIND = 64
"""Bytes before a secret that a decision may look at."""


@dataclass(frozen=True, slots=True)
class Tail:
    """What still belongs to a secret whose start was recognised: `run` matches any part of it, in one go or in pieces.

    `escapes`: a backslash belongs together with the byte after it.
    """

    run: re.Pattern[bytes]
    escapes: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A secret of this `kind` in a buffer: from `start` to at least `end`, and on over all of `tail`."""

    kind: str
    start: int
    end: int
    tail: Tail | None = None


class Undecided(Enum):
    """More bytes must come before one can tell."""

    WAIT = "wait"


Judge = Callable[[bytes, int, bool], Span | Undecided | None]
"""Whether a secret begins at this place of a buffer; True when the buffer is all there will be. Looks at BEHIND bytes
before it and REACH bytes after, never over the end of a line, unless it says WAIT."""


def mask(kind: str) -> bytes:
    """What stands where the secret stood: what it was, not how long."""
    return b"[redacted:%s]" % kind.encode()
