"""New events: what a core decided, with ids and a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from moonmind.missions.board import Board, Package
from moonmind.missions.errors import MissionError
from moonmind.missions.events import Event, encode_events, last_moment
from moonmind.missions.ids import make_ulids
from moonmind.missions.moves import Hop

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_after(last: str | None, now: str) -> str:
    """`now`, or the microsecond after the log's last event where the clock is behind it. Raises MissionError
    `BrokenEventLog` when the last event's time is none."""
    if last is None or last < now:
        return now
    try:
        return _as_text(_as_time(last) + timedelta(microseconds=1))
    except (ValueError, OverflowError):
        raise MissionError(
            "BrokenEventLog",
            f"status.events.jsonl: `{last}` is a time that nothing can come after: correct the `at` of that event",
        ) from None


def make_events(board: Board, hops: Sequence[tuple[Package, Hop]], *, now: str, chance: int) -> list[Event]:
    """All of one instant, later than all that the log has, with ids that sort in the order of the hops. Raises
    MissionError where they could not be written."""
    at = moment_after(last_moment(board.events), now)
    ids = make_ulids(len(hops), (_as_time(at) - _EPOCH) // timedelta(milliseconds=1), chance)
    events = [_make_event(board, package, hop, one, at) for one, (package, hop) in zip(ids, hops, strict=True)]
    _check_text(events)
    return events


def _make_event(board: Board, package: Package, hop: Hop, event_id: str, at: str) -> Event:
    return Event(
        event_id=event_id,
        at=at,
        wp_id=package.front.work_package_id,
        from_lane=hop.from_lane,
        to_lane=hop.to_lane,
        actor=hop.actor,
        force=hop.force,
        reason=hop.reason,
        evidence=hop.evidence,
        review_ref=hop.review_ref,
        review_result=hop.review_result,
        execution_mode=package.front.execution_mode,
        mission_id=board.meta.mission_id,
        mission_slug=board.meta.slug,
    )


def _check_text(events: Sequence[Event]) -> None:
    """What a shell hands over may be bytes that are no text."""
    try:
        encode_events(events)
    except UnicodeEncodeError:
        raise MissionError("NotText", "a name or a note holds bytes that are not UTF-8: write it anew") from None


def _as_time(at: str) -> datetime:
    return datetime.fromisoformat(at)


def _as_text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
