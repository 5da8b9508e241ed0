"""The one order of a run's events and log lines, wherever a stream of them is cut and taken up again. Pure.

After `step_started` come the lines of that attempt's log, and only then whatever was recorded meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from moonmind.schemas.workflow_models import StepName

STARTED, FINISHED = "step_started", "run_finished"
BOUNDARIES = frozenset({STARTED, "step_finished", "approval_needed", FINISHED})
"""Recorded only by whoever just ended a step, or once nobody works on it: the log of the step before is whole."""
CHUNK = 64 * 1024
"""Bytes of a log that are read at once; fewer are read only at its end."""
MOST_LINES = 1000
"""Lines that are sent at once."""
LONGEST_LINE = 8192
"""Bytes; a longer line is sent in pieces."""
NO_STEP, OVER = "-", "end"
ID_FORM = rf"^[1-9][0-9]{{0,8}}\.(({NO_STEP}|{OVER})\.0|({'|'.join(StepName)})\.[1-9][0-9]{{0,17}})$"
"""What every id looks like."""


@dataclass(frozen=True, slots=True)
class EventId:
    """How far a reader is: event `sequence` was sent, and `offset` bytes of the log of the `step` that it started."""

    sequence: int = 0
    step: str = NO_STEP
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.sequence}.{self.step}.{self.offset}"

    @property
    def is_over(self) -> bool:
        """Nothing comes after this one."""
        return self.step == OVER


BEGINNING = EventId()
"""Nothing was sent yet."""


def parse_event_id(text: str) -> EventId:
    """What `str` made of an id. Raises ValueError."""
    if not re.search(ID_FORM, text) or text.endswith("\n"):
        raise ValueError("not an id of this stream")
    sequence, step, offset = text.split(".")
    return EventId(int(sequence), step, int(offset))


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event of the run's record. `sealed`: a boundary was recorded after it."""

    sequence: int
    at: datetime
    actor: str
    kind: str
    payload: Mapping[str, Any]
    sealed: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """One event of the stream."""

    id: EventId
    kind: Literal["state", "log", "end"]
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LogEnd:
    """Where the log of an attempt ended when it was read."""

    step: StepName
    attempt: int
    offset: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What comes next. `more`: something is there already; `log`: it goes on here, while the step is on."""

    sent: tuple[Sent, ...]
    more: bool = False
    log: LogEnd | None = None


ReadLog = Callable[[StepName, int, int], bytes]
"""Up to CHUNK bytes of the log of a step's attempt, from an offset."""


def next_batch(events: Sequence[Recorded], since: EventId, read_log: ReadLog) -> Batch:
    """What comes after `since`, no more than one chunk of a log. `events` hold that of `since` too, if it has one."""
    sent: list[Sent] = []
    for event in events:
        if event.sequence < since.sequence:
            continue
        if event.sequence > since.sequence:
            since = EventId(event.sequence)
            sent.append(Sent(since, "state", _state(event)))
        if event.kind == STARTED:
            part = _log_part(event, since, read_log)
            sent += part.lines
            if part.end or part.more:
                return Batch(tuple(sent), part.more, part.end)
        if event.kind == FINISHED:
            sent.append(Sent(EventId(event.sequence, OVER), "end", {"status": event.payload["status"]}))
            break
    return Batch(tuple(sent))


@dataclass(frozen=True, slots=True)
class _LogPart:
    lines: list[Sent] = field(default_factory=list)
    more: bool = False
    end: LogEnd | None = None


def _log_part(event: Recorded, since: EventId, read_log: ReadLog) -> _LogPart:
    """The next lines of the log that this event began; neither `more` nor `end` when it is all said."""
    step, attempt = StepName(event.payload["step"]), int(event.payload["attempt"])
    data = read_log(step, attempt, since.offset)
    has_end = len(data) < CHUNK
    found = cut_lines(data, is_whole=event.sealed and has_end)
    more = len(found) > MOST_LINES or not has_end
    lines, offset = [], since.offset
    for line in found[:MOST_LINES]:
        offset += len(line)
        said = {"step": step, "attempt": attempt, "text": _text(line)}
        lines.append(Sent(EventId(event.sequence, step, offset), "log", said))
    end = None if more or event.sealed else LogEnd(step, attempt, since.offset + len(data))
    return _LogPart(lines, more, end)


def cut_lines(data: bytes, *, is_whole: bool) -> list[bytes]:
    """Lines with their ends; a long one in pieces. A last one without an end is left out unless the log `is_whole`.

    Where it cuts depends on nothing but the bytes since the line's beginning, so that each reader cuts the same.
    """
    lines, start = [], 0
    while start < len(data):
        end = data.find(b"\n", start, start + LONGEST_LINE + 1) + 1
        if not end and len(data) - start > LONGEST_LINE:
            end = _character_start(data, start + LONGEST_LINE)
        if not end and not is_whole:
            break
        end = end or len(data)
        lines.append(data[start:end])
        start = end
    return lines


def _character_start(data: bytes, index: int) -> int:
    """The beginning of the UTF-8 character that has the byte at `index`, or of what would be one."""
    for back in range(3):
        if data[index - back] & 0xC0 != 0x80:
            return index - back
    return index - 3


def _text(line: bytes) -> str:
    return line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")


def _state(event: Recorded) -> dict[str, Any]:
    at = event.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    said = {"actor": event.actor, "kind": event.kind, "payload": dict(event.payload)}
    return {"sequence": event.sequence, "at": at, **said}
