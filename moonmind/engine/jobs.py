"""The engine's own shapes: a claim on a job's step, and a message that wakes somebody to claim it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID


class LeaseLostError(Exception):
    """Somebody else may act on this job now: whoever sees this writes nothing and starts nothing any more."""


class CancelRequestedError(Exception):
    """Somebody asked to cancel this job: its owner stops what it does and records that."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do one step of one job until the lease lapses. `epoch` is the fencing token."""

    id: UUID
    epoch: int
    step: str
    owner: str
    attempt: int


@dataclass(frozen=True, slots=True)
class StuckJob:
    """A job that the reaper took back: its epoch is already the new one."""

    id: UUID
    epoch: int
    next_step: str
    queue: str


@dataclass(frozen=True, slots=True)
class Wakeup:
    """A chain of tasks to publish, each with the same payload. Losing, doubling or delaying it changes nothing."""

    subject_kind: str
    subject_id: UUID
    queue: str
    tasks: tuple[str, ...]
    payload: Mapping[str, Any]


class BrokerAwayError(Exception):
    """The broker does not take messages now."""


class Publisher(Protocol):
    """Hands a chain to the broker. Returns when the broker has it; raises, within bounded time, when it has not:
    BrokerAwayError when nothing can be sent now, anything else when it is about this message."""

    def publish(self, queue: str, tasks: tuple[str, ...], payload: Mapping[str, Any]) -> None: ...


PAYLOAD_VERSION = 1
"""Messages say what they are made like; a worker refuses a version that it does not know."""


def payload(job: UUID, epoch: int) -> dict[str, Any]:
    """What a task is given: ids only, never content."""
    return {"v": PAYLOAD_VERSION, "id": str(job), "epoch": epoch}


def read_payload(message: object) -> tuple[UUID, int]:
    """The job and epoch that a message names. Raises ValueError for anything else than our own kind of message."""
    match message:
        case {"v": 1, "id": str(job), "epoch": int(epoch)}:
            return UUID(job), epoch
        case _:
            raise ValueError("not a message of this version")
