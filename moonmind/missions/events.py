"""The lines of `status.events.jsonl`: the only truth for lanes, verdicts and the completion of subtasks.

One event a line, keys sorted. An event whose two lanes are the same moves nothing: it tells of subtasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal

import msgspec

from moonmind.missions.errors import MissionError
from moonmind.missions.ids import ULID, WORK_PACKAGE
from moonmind.missions.lanes import ALIASES, Lane

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
Moment = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$")]
"""UTC with microseconds, `2026-11-21T09:30:00.000000Z`, so that text sorts as time does."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a move rests on. `branch` and `base`: where the work is done and the commit it began from, as it goes in
    progress; `commit`: what is handed over or was merged; `override`: why it is done without being merged."""

    branch: str | None = None
    base: str | None = None
    commit: str | None = None
    override: str | None = None
    arbiter: Category | None = None
    subtasks: dict[str, SubtaskStatus] | None = None
    tracker_refs: list[str] | None = None


class ReviewResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`cycle`: the number of the review-cycle file that was written with it. `intended_reviewer` and `failure`: of a
    review by oneself, who should have done it and why they did not."""

    verdict: Verdict
    reviewer: str
    cycle: int | None = None
    intended_reviewer: str | None = None
    failure: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the log."""

    event_id: Ulid
    at: Moment
    wp_id: WorkPackageId
    from_lane: Lane
    to_lane: Lane
    actor: str
    force: bool
    reason: str | None
    evidence: Evidence | None
    review_ref: str | None
    review_result: ReviewResult | None
    execution_mode: ExecutionMode
    mission_id: Ulid
    mission_slug: str


_DECODER = msgspec.json.Decoder(Event)
_ENCODER = msgspec.json.Encoder(order="sorted")


def parse_log(content: bytes, *, name: str = "status.events.jsonl") -> list[Event]:
    """Every event, as it stands. Raises MissionError `BrokenEventLog` with the number of the first line that is none;
    an empty log is no error."""
    if len(content) > MAX_LOG_BYTES:
        raise MissionError("BrokenEventLog", f"{name} has {len(content)} bytes, more than {MAX_LOG_BYTES}")
    try:
        events = _DECODER.decode_lines(content)
    except msgspec.MsgspecError:
        events = list(_one_by_one(content, name))
    if content and not content.endswith(b"\n"):
        raise _broken(name, content.count(b"\n") + 1, "the line is not ended")
    return events


def encode_events(events: Iterable[Event]) -> bytes:
    """The lines of these events, each ended."""
    return b"".join(_ENCODER.encode(event) + b"\n" for event in events)


def _one_by_one(content: bytes, name: str) -> Iterator[Event]:
    """Slower, with the number of a broken line; takes the aliases of lanes."""
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.strip():
            try:
                yield msgspec.convert(_without_aliases(msgspec.json.decode(line)), Event)
            except msgspec.MsgspecError as error:
                raise _broken(name, number, str(error)) from None


def _without_aliases(value: Any) -> Any:
    if isinstance(value, dict):
        named = {key: ALIASES.get(value[key], value[key]) for key in ("from_lane", "to_lane") if _is_text(value, key)}
        return {**value, **named}
    return value


def _is_text(value: dict[str, Any], key: str) -> bool:
    return isinstance(value.get(key), str)


def _broken(name: str, number: int, why: str) -> MissionError:
    return MissionError(
        "BrokenEventLog",
        f"{name}, line {number}: {why}. Nothing is guessed: mend the line by hand, or take the file of the last commit "
        f"(git checkout -- {name})",
        details={"line": number},
    )


def last_moment(events: Sequence[Event]) -> str | None:
    """The latest time in the log."""
    return max((event.at for event in events), default=None)
