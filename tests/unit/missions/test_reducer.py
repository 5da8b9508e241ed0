"""What the log amounts to."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonmind.missions.events import Event, Evidence, ReviewResult
from moonmind.missions.lanes import LANES, Lane
from moonmind.missions.reducer import reduce_events
from moonmind.missions.snapshot import PackageState, Snapshot, encode_snapshot
from tests.support.missions import MISSION_ID, SLUG, at, event

REJECTED = ReviewResult(verdict="rejected", reviewer="bob", cycle=1)
APPROVED = ReviewResult(verdict="approved", reviewer="bob")
WITHOUT = ReviewResult(verdict="none", reviewer="bob")


def reduce(events: Iterable[Event]) -> Snapshot:
    return reduce_events(events, mission_id=MISSION_ID, mission_slug=SLUG)


def state(*events: Event) -> PackageState:
    return reduce(events).state_of("WP01")


def way(*lanes: Lane, **last: Any) -> list[Event]:
    """The package's events on its way, one a minute from the first; `last`: what else the last one says."""
    hops = list(pairwise(lanes))
    return [event(number, *hop, **(last if number == len(hops) else {})) for number, hop in enumerate(hops, start=1)]


def test_an_empty_log_amounts_to_a_mission_without_events() -> None:
    empty = reduce([])
    assert empty == Snapshot(mission_id=MISSION_ID, mission_slug=SLUG, at=None, events=0, work_packages={})
    assert empty.state_of("WP01") == PackageState(lane="planned")


def test_the_snapshot_is_of_the_last_event_and_counts_repeated_ones_once() -> None:
    log = way("planned", "claimed", "in_progress")
    both = reduce([*log, *log])
    assert (both.at, both.events) == (at(2), 2)


def test_a_move_sets_the_lane_and_who_when_and_whether_forced() -> None:
    now = state(event(1, "planned", "claimed", force=True), event(2, "claimed", "in_progress", actor="bob"))
    assert (now.lane, now.actor, now.since, now.forced) == ("in_progress", "bob", at(2), False)
    assert state(event(1, "planned", "claimed", force=True)).forced


def test_of_a_repeated_id_the_first_line_counts() -> None:
    first, other = event(1, "planned", "claimed"), event(1, "planned", "blocked")
    assert state(first, other).lane == "claimed"


def test_time_goes_before_the_id() -> None:
    early, late = event(2, "planned", "claimed", at=at(1)), event(1, "claimed", "in_progress", at=at(2))
    assert state(late, early).lane == "in_progress"


def test_at_one_instant_the_greater_id_is_later() -> None:
    two = [event(1, "planned", "blocked", at=at(1)), event(2, "planned", "claimed", at=at(1))]
    assert state(*reversed(two)).lane == "claimed"


@pytest.mark.parametrize("number", [1, 9])
def test_who_moves_back_wins_over_a_move_forward_of_the_same_instant_whatever_the_ids(number: int) -> None:
    forward = [
        event(4, "for_review", "in_review", at=at(1)),
        event(5, "in_review", "approved", at=at(1), review_result=APPROVED, review_ref="PR 1"),
    ]
    back = event(number, "for_review", "planned", at=at(1), review_result=REJECTED)
    for log in permutations([*forward, back]):
        now = state(*log)
        assert (now.lane, now.review, now.review_ref) == ("planned", REJECTED, None)


def test_moves_of_one_instant_of_two_packages_do_not_touch() -> None:
    both = [event(1, "claimed", "planned", at=at(1)), event(2, "claimed", "in_progress", at=at(1), wp_id="WP02")]
    assert reduce(both).state_of("WP02").lane == "in_progress"


def test_a_move_aside_is_no_move_forward_and_goes_by_its_id() -> None:
    both = [event(1, "claimed", "planned", at=at(1)), event(2, "claimed", "canceled", at=at(1))]
    assert state(*both).lane == "canceled"


def test_a_lost_move_counts_as_an_event_of_the_package() -> None:
    both = [event(1, "claimed", "planned", at=at(1)), event(2, "claimed", "in_progress", at=at(1))]
    assert (state(*both).last_event_id, reduce(both).events) == (both[1].event_id, 2)


def test_who_claimed_a_package_holds_it_until_it_is_planned_again() -> None:
    log = [event(1, "planned", "claimed"), event(2, "claimed", "in_progress", actor="bob")]
    assert state(*log).holder == "ann"
    assert state(*log, event(3, "in_progress", "planned")).holder is None


def test_who_takes_up_a_package_that_nobody_claimed_holds_it() -> None:
    assert state(*way("planned", "blocked", "in_progress", actor="bob")).holder == "bob"


def test_where_the_work_is_stays_until_it_is_told_anew_or_planned_again() -> None:
    log = way("planned", "claimed", "in_progress", evidence=Evidence(branch="a", base="1"))
    log.append(event(3, "in_progress", "for_review", evidence=Evidence(commit="2")))
    assert (state(*log).branch, state(*log).base) == ("a", "1")
    log.append(event(4, "for_review", "in_progress", evidence=Evidence(branch="b")))
    assert (state(*log).branch, state(*log).base) == ("b", None)
    log.append(event(5, "in_progress", "planned"))
    assert (state(*log).branch, state(*log).base) == (None, None)


def test_a_rejection_stands_until_the_package_is_in_review_again() -> None:
    log = way("for_review", "in_review", "planned", review_result=REJECTED, review_ref="review-cycle-1.md")
    assert state(*log).is_rejected
    assert state(*log).review_ref == "review-cycle-1.md"
    log += [event(5, "planned", "claimed"), event(6, "for_review", "in_review")]
    assert not state(*log).is_rejected
    log.append(event(7, "in_review", "in_progress", review_result=REJECTED))
    assert state(*log).is_rejected


def test_an_approval_replaces_the_rejection() -> None:
    log = [event(1, "in_review", "planned", review_result=REJECTED), event(2, "in_review", "done")]
    assert state(*log).review == REJECTED
    assert state(log[0], event(2, "in_review", "done", review_result=APPROVED)).review == APPROVED


def test_a_review_that_ended_without_a_verdict_leaves_the_last_one() -> None:
    log = [event(1, "in_review", "planned", review_result=REJECTED), event(2, "for_review", "in_review")]
    now = state(*log, event(3, "in_review", "blocked", review_result=WITHOUT))
    assert (now.review, now.reviewed_anew, now.is_rejected) == (REJECTED, True, False)


def test_a_first_review_is_not_one_anew() -> None:
    assert not state(*way("for_review", "in_review")).reviewed_anew


def test_an_event_within_a_lane_tells_of_subtasks_and_moves_nothing() -> None:
    log = way("planned", "claimed", "in_progress")
    log.append(event(3, "claimed", "claimed", actor="bob", evidence=Evidence(subtasks={"T001": "done"})))
    now = state(*log)
    assert (now.lane, now.actor, now.since) == ("in_progress", "ann", at(2))
    assert (now.last_event_at, now.last_event_id) == (at(3), log[-1].event_id)
    assert now.subtasks == {"T001": "done"}


def test_the_last_word_about_a_subtask_counts() -> None:
    told = [Evidence(subtasks={"T001": "done", "T002": "done"}), Evidence(subtasks={"T002": "pending"})]
    log = [event(number, "claimed", "claimed", evidence=said) for number, said in enumerate(told)]
    assert state(*reversed(log)).subtasks == {"T001": "done", "T002": "pending"}


def test_a_package_that_never_moved_is_planned_whatever_was_told_of_it() -> None:
    told = event(1, "claimed", "claimed", force=True, actor="bob")
    assert state(told) == PackageState(last_event_id=told.event_id, last_event_at=at(1))


def test_an_event_within_a_lane_may_say_nothing() -> None:
    assert state(event(1, "claimed", "claimed"), event(2, "claimed", "claimed", evidence=Evidence())).subtasks == {}


lanes = st.sampled_from(LANES)
evidence = st.builds(
    Evidence,
    branch=st.sampled_from([None, "a", "b"]),
    base=st.sampled_from([None, "1", "2"]),
    subtasks=st.none() | st.dictionaries(st.sampled_from(["T001", "T002"]), st.sampled_from(["done", "pending"])),
)


@st.composite
def logs(draw: st.DrawFn) -> list[Event]:
    """Events of few packages at few instants, each id once, so that ties are common."""
    numbers = draw(st.lists(st.integers(0, 99), max_size=12, unique=True))
    return [
        event(
            number,
            draw(lanes),
            draw(lanes),
            at=at(draw(st.integers(0, 3))),
            wp_id=draw(st.sampled_from(["WP01", "WP02"])),
            actor=draw(st.sampled_from(["ann", "bob"])),
            force=draw(st.booleans()),
            evidence=draw(st.none() | evidence),
            review_ref=draw(st.sampled_from([None, "PR 1", "PR 2"])),
            review_result=draw(st.sampled_from([None, APPROVED, REJECTED, WITHOUT])),
        )
        for number in numbers
    ]


@given(logs(), st.data())
def test_any_order_and_any_repetition_gives_the_same_snapshot(log: list[Event], data: st.DataObject) -> None:
    again = data.draw(
        st.permutations([*log, *data.draw(st.lists(st.sampled_from(log), max_size=9) if log else st.just([]))])
    )
    assert reduce(again) == reduce(log)
    assert encode_snapshot(reduce(again)) == encode_snapshot(reduce(log))


@given(logs(), st.sampled_from(["WP01", "WP02"]))
def test_a_package_is_what_its_own_events_make_of_it(log: list[Event], wp_id: str) -> None:
    alone = reduce(event for event in log if event.wp_id == wp_id)
    assert alone.state_of(wp_id) == reduce(log).state_of(wp_id)


@given(logs(), lanes, lanes)
def test_a_later_event_changes_its_package_only_and_has_the_last_word(
    log: list[Event], from_lane: Lane, to_lane: Lane
) -> None:
    before, after = reduce(log), reduce([*log, event(100, from_lane, to_lane, at=at(4))])
    assert after.state_of("WP02") == before.state_of("WP02")
    assert after.state_of("WP01").lane == (before.state_of("WP01").lane if from_lane == to_lane else to_lane)
