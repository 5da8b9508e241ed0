"""What a change proposed by somebody else (a model, an agent) does to a service's files. Pure: bytes in, facts out.

Each comparison returns the packages that the file lists now and did not before; what it cannot tell, and what steers
more than a dependency, it refuses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Ecosystem = Literal["python", "npm", "system"]


class RefusedChangeError(Exception):
    """A change that no model or agent may propose; the message says why, for people and for its author."""


@dataclass(frozen=True, slots=True)
class Added:
    """A package that `file` lists now and did not before; `version`: the only one that is asked for, None: any."""

    ecosystem: Ecosystem
    name: str
    file: str
    version: str | None = None
