"""One trace a run, over API and workers. Its ids follow from the run's, so that nobody has to hand anything on.

Spans are made when they are over, from what is known then; no instruction, message or log is ever part of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

Attributes = dict[str, str | int | bool]

ROOT_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Span:
    """A finished piece of work of a run. Times in nanoseconds since 1970; `number` None: any that is new."""

    run: UUID
    name: str
    start: int
    end: int
    attributes: Attributes
    failed: bool = False
    number: int | None = None

    @property
    def is_root(self) -> bool:
        """Whether it is the run itself."""
        return self.number is not None


class Tracing(Protocol):
    """Takes spans. Never waits, never raises."""

    def add(self, span: Span) -> None: ...

    def close(self) -> None:
        """Send what is in hand, for two seconds at most."""


class NullTracing:
    """Nobody looks."""

    def add(self, span: Span) -> None: ...

    def close(self) -> None: ...


def trace_number(run: UUID) -> int:
    """The trace's id, 128 bits: the run's own."""
    return run.int


def root_number(run: UUID) -> int:
    """The id of the run's own span, 64 bits: known to every process before that span is made. Never 0 for a UUID."""
    return run.int & ROOT_MASK


def run_span(run: UUID, start: int, end: int, attributes: Attributes, *, failed: bool) -> Span:
    """The whole run, made when it has ended."""
    return Span(run, "run", start, end, attributes, failed, root_number(run))
