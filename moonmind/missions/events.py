"""The lines of `status.events.jsonl`: the only truth for lanes, verdicts and the completion of subtasks.

One event a line, keys sorted. An event whose two lanes are the same moves nothing: it tells of subtasks.
"""

import re
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Annotated, Literal

import msgspec

from moonmind.missions.errors import MissionError
from moonmind.missions.ids import MOMENT, ULID, WORK_PACKAGE
from moonmind.missions.lanes import ALIASES, Lane
from moonmind.missions.log_remedies import remedy_of_broken

ExecutionMode = Literal["code_change", "planning_artifact"]
SubtaskStatus = Literal["done", "pending"]
Verdict = Literal["approved", "rejected", "none"]
"""Of a review; `none`: it ended without one (the package was blocked or canceled)."""
Category = Literal["pre_existing_failure", "wrong_context", "cross_scope", "infra_environmental", "custom"]
"""Why an arbiter moves on what a reviewer rejected."""

MAX_LOG_BYTES = 256 * 1024 * 1024
"""Of one mission: a million events are a mistake of some program."""

Ulid = Annotated[str, msgspec.Meta(pattern=ULID.pattern)]
WorkPackageId = Annotated[str, msgspec.Meta(pattern=WORK_PACKAGE.pattern)]
Moment = Annotated[str, msgspec.Meta(pattern=MOMENT.pattern)]
"""UTC with microseconds, `2026-11-21T09:30:00.000000Z`, so that text sorts as time does."""


class Evidence(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a move rests on. `branch` and `base`: where the work is done and the commit it began from, as it goes in
    progress; `commit`: what is handed over or was merged; `override`: why it is done without being merged."""

    branch: str | None = None
    base: str | None = None
    commit: str | None = None
    override: str | None = None
    arbiter: Category | None = None
    subtasks: dict[str, SubtaskStatus] | None = None
    tracker_refs: list[str] | None = None


class ReviewResult(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`cycle`: the number of the review-cycle file that was written with it. `intended_reviewer` and `failure`: of a
    review by oneself, who should have done it and why they did not."""

    verdict: Verdict
    reviewer: str
    cycle: int | None = None
    intended_reviewer: str | None = None
    failure: str | None = None


class Event(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """One line of the log. Ids and times are as in `_CheckedEvent`; fields stand in the order of the line's keys, which
    makes reading faster."""

    actor: str
    at: str
    event_id: str
    evidence: Evidence | None
    execution_mode: ExecutionMode
    force: bool
    from_lane: Lane
    mission_id: str
    mission_slug: str
    reason: str | None
    review_ref: str | None
    review_result: ReviewResult | None
    to_lane: Lane
    wp_id: str


class _CheckedEvent(Event, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """Looks at each id by itself, which takes twice the time of all the rest."""

    event_id: Ulid
    at: Moment
    wp_id: WorkPackageId
    mission_id: Ulid


_DECODER = msgspec.json.Decoder(Event)
_ENCODER = msgspec.json.Encoder(order="sorted")
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_STAMP = " ".join(one.pattern.removeprefix("^").removesuffix(r"\Z") for one in (MOMENT, ULID))
_STAMPS = re.compile(rf"(?:{_STAMP}\n)*+")
"""What is to be checked of every event, so that one search does it; ids of packages and missions repeat."""


def parse_log(content: bytes, *, name: str = "status.events.jsonl", branch: str | None = None) -> list[Event]:
    """Every event, as it stands. Raises MissionError `BrokenEventLog` with the number of the first line that is none;
    an empty log is no error. `name`, from the repository's top, and `branch`, where it lies on one, are for its words.
    """
    if len(content) > MAX_LOG_BYTES:
        raise MissionError("BrokenEventLog", f"{name} has {len(content)} bytes, more than {MAX_LOG_BYTES}")
    events = _all_at_once(content)
    if events is not None:
        return events
    *lines, rest = content.split(b"\n")
    events = [_parse_line(line, number, name, branch) for number, line in enumerate(lines, start=1)]
    if rest:
        raise _broken(name, len(lines) + 1, "the line is not ended", branch)
    return events


def encode_events(events: Iterable[Event]) -> bytes:
    """The lines of these events, each ended."""
    return b"".join(_ENCODER.encode(event) + b"\n" for event in events)


def _all_at_once(content: bytes) -> list[Event] | None:
    """None when something is wrong with one of them, it has an alias, or the last line is not ended."""
    if not content.endswith(b"\n"):
        return None
    try:
        events = [_DECODER.decode(line) for line in BytesIO(content)]  # half the time of `split`
    except _UNREADABLE:
        return None
    rows = "".join([f"{event.at} {event.event_id}\n" for event in events])
    is_row_each = rows.count("\n") == len(events) and _STAMPS.fullmatch(rows)
    return events if is_row_each and _has_known_ids(events) else None


def _has_known_ids(events: Iterable[Event]) -> bool:
    packages = {event.wp_id for event in events}
    missions = {event.mission_id for event in events}
    return all(map(WORK_PACKAGE.match, packages)) and all(map(ULID.match, missions))


def _parse_line(line: bytes, number: int, name: str, branch: str | None) -> Event:
    """Slower, and says what is wrong."""
    line = _without_aliases(line)
    try:
        msgspec.json.decode(line, type=_CheckedEvent)
        return _DECODER.decode(line)
    except _UNREADABLE as error:
        raise _broken(name, number, str(error), branch) from None


def _without_aliases(line: bytes) -> bytes:
    """As text: inside a string the quotes would have backslashes."""
    for alias, lane in ALIASES.items():
        line = re.sub(rf'("(?:from|to)_lane"\s*:\s*)"{alias}"'.encode(), rf'\1"{lane}"'.encode(), line)
    return line


def _broken(name: str, number: int, why: str, branch: str | None) -> MissionError:
    return MissionError(
        "BrokenEventLog",
        f"{name}, line {number}: {why}. Nothing is guessed: {remedy_of_broken(name, branch)}",
        details={"line": number},
    )


def last_moment(events: Sequence[Event]) -> str | None:
    """The latest time in the log."""
    return max((event.at for event in events), default=None)
