"""The fold of the log into a snapshot: the same for the same set of events, in whatever order and however often.

That needs ids that name one event only, which ULIDs are; of two different events with one id, the first line counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress
from operator import attrgetter, eq

from moonmind.missions.events import Event, ReviewResult, SubtaskStatus
from moonmind.missions.lanes import is_back, is_forward
from moonmind.missions.snapshot import PackageState, Snapshot


class _Fold:
    """One package while its events are folded: changed in place, since a log may have ten thousand."""

    __slots__ = ("base", "branch", "holder", "move", "newest", "review", "review_ref", "reviewed_anew", "subtasks")

    def __init__(self, first: Event) -> None:
        self.newest = first
        self.move: Event | None = None
        self.holder: str | None = None
        self.branch: str | None = None
        self.base: str | None = None
        self.review: ReviewResult | None = None
        self.review_ref: str | None = None
        self.reviewed_anew = False
        self.subtasks: dict[str, SubtaskStatus] = {}


def reduce_events(events: Iterable[Event], *, mission_id: str, mission_slug: str) -> Snapshot:
    """What the events amount to. Each is folded after those before it; `docs/SpecKitAutomation.md`, "Folding"."""
    ordered = _in_order(events)
    lost = _lost_moves(ordered)
    folds: dict[str, _Fold] = {}
    for event in ordered:
        fold = folds.get(event.wp_id)
        if fold is None:
            fold = folds[event.wp_id] = _Fold(event)
        fold.newest = event
        if event.from_lane == event.to_lane:
            _tell(fold, event)
        elif not lost or event.event_id not in lost:
            _move(fold, event)
    return Snapshot(
        mission_id=mission_id,
        mission_slug=mission_slug,
        at=ordered[-1].at if ordered else None,
        events=len(ordered),
        work_packages={wp_id: _state(folds[wp_id]) for wp_id in sorted(folds)},
    )


def moves_of(events: Iterable[Event], wp_id: str) -> tuple[Event, ...]:
    """The moves of one package that set its lane, as they are folded."""
    ordered = [event for event in _in_order(events) if event.wp_id == wp_id]
    lost = _lost_moves(ordered)
    return tuple(event for event in ordered if event.from_lane != event.to_lane and event.event_id not in lost)


def _in_order(events: Iterable[Event]) -> list[Event]:
    """Each id once, by time and then id: two sorts by one key are faster than one by a pair."""
    once: dict[str, Event] = {}
    for event in events:
        once.setdefault(event.event_id, event)
    ordered = sorted(once.values(), key=attrgetter("event_id"))
    ordered.sort(key=attrgetter("at"))
    return ordered


def _lost_moves(ordered: Sequence[Event]) -> frozenset[str]:
    """Ids of the moves forward at whose instant somebody moved the same package back. They set nothing."""
    times = [event.at for event in ordered]
    instants = set(compress(times, map(eq, times, times[1:])))
    if not instants:
        return frozenset()
    tied = [event for event in ordered if event.at in instants]
    back = {(event.wp_id, event.at) for event in tied if is_back(event.from_lane, event.to_lane)}
    return frozenset(
        event.event_id
        for event in tied
        if (event.wp_id, event.at) in back and is_forward(event.from_lane, event.to_lane)
    )


def _tell(fold: _Fold, event: Event) -> None:
    """An event that moves nothing."""
    if event.evidence is not None and event.evidence.subtasks is not None:
        fold.subtasks.update(event.evidence.subtasks)


def _move(fold: _Fold, event: Event) -> None:
    fold.move = event
    lane = event.to_lane
    if lane == "planned":  # whoever takes it up next may do so elsewhere
        fold.holder = fold.branch = fold.base = None
    elif lane == "claimed":
        fold.holder = event.actor
    elif lane == "in_progress":
        fold.holder = fold.holder or event.actor  # blocked before anybody claimed it
    elif lane == "in_review":
        fold.reviewed_anew = fold.review is not None
    if event.evidence is not None and event.evidence.branch is not None:
        fold.branch, fold.base = event.evidence.branch, event.evidence.base
    if event.review_result is not None and event.review_result.verdict != "none":
        fold.review, fold.reviewed_anew = event.review_result, False
    if event.review_ref is not None:
        fold.review_ref = event.review_ref


def _state(fold: _Fold) -> PackageState:
    newest, move = fold.newest, fold.move
    return PackageState(
        lane=move.to_lane if move else "planned",
        actor=move.actor if move else None,
        holder=fold.holder,
        since=move.at if move else None,
        last_event_id=newest.event_id,
        last_event_at=newest.at,
        forced=move.force if move else False,
        branch=fold.branch,
        base=fold.base,
        review=fold.review,
        review_ref=fold.review_ref,
        reviewed_anew=fold.reviewed_anew,
        subtasks=fold.subtasks,
    )
