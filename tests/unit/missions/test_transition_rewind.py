"""Moves back that the table does not have."""

from __future__ import annotations

import itertools

import pytest

from moonmind.missions.events import ReviewResult
from moonmind.missions.lanes import EDGES, FORWARD, Lane
from tests.support.moves import BY_FORCE, WITH_FEEDBACK, arm, move, only_hop, refusal

BACK = [(lane, to) for to, lane in itertools.combinations(FORWARD[:-1], 2) if (lane, to) not in EDGES]


@pytest.mark.parametrize(("lane", "to"), [*BACK, ("blocked", "planned")])
def test_a_move_back_is_forced_with_its_own_reason(lane: Lane, to: Lane) -> None:
    rejects = lane in ("for_review", "in_review", "approved") and to in ("planned", "claimed", "in_progress")
    refers = {"approval_ref": "PR 7"} if lane == "approved" else {}
    hop = only_hop(lane, to, note="a step too far", facts=WITH_FEEDBACK if rejects else {}, **refers)
    assert (hop.from_lane, hop.to_lane, hop.force, hop.reason) == (lane, to, True, "backward rewind")


def test_a_move_back_that_the_table_has_is_an_ordinary_one() -> None:
    hop = only_hop("in_progress", "planned", note="too early")
    assert (hop.force, hop.reason) == (False, "too early")


def test_who_forces_a_move_back_gives_the_reason() -> None:
    assert only_hop("in_review", "claimed", **BY_FORCE).reason == "the lead said so"


@pytest.mark.parametrize("lane", ["in_review", "approved"])
def test_going_back_hands_nothing_over(lane: Lane) -> None:
    assert only_hop(lane, "for_review", approval_ref="PR 7").evidence is None


@pytest.mark.parametrize("lane", ["for_review", "in_review", "approved"])
def test_what_was_handed_over_is_claimed_again_only_as_a_rejection(lane: Lane) -> None:
    assert arm(lane, "claimed", note="again") == "FeedbackRequired"
    assert arm(lane, "claimed", approval_ref="PR 7") == "FeedbackRequired"
    answer = move(lane, "claimed", facts=WITH_FEEDBACK)
    assert (answer.name, answer.writes_feedback) == ("rejection", True)


@pytest.mark.parametrize("lane", ["for_review", "in_review", "approved"])
def test_what_was_handed_over_is_not_claimed_from_its_holder_without_force(lane: Lane) -> None:
    answer = refusal(lane, "claimed", agent="bob", facts=WITH_FEEDBACK)
    assert answer.code == "HeldByAnother"
    assert "reject it --to in_progress" in answer.message
    forced = only_hop(lane, "claimed", agent="bob", force=True, note="ann is ill")
    assert forced.review_result == ReviewResult(verdict="rejected", reviewer="bob")


def test_a_review_that_is_given_back_ends_without_a_verdict() -> None:
    answer = move("in_review", "for_review", agent="rob")
    assert (answer.name, answer.hops[0].review_result) == ("rewind", ReviewResult(verdict="none", reviewer="rob"))


@pytest.mark.parametrize("to", ["for_review", "in_review"])
def test_what_is_approved_is_reviewed_again_by_the_reference_that_is_taken_back(to: Lane) -> None:
    answer = refusal("approved", to)
    assert answer.code == "ReviewReferenceRequired"
    assert "--review-feedback-file" not in answer.message
    hop = only_hop("approved", to, approval_ref="PR 7")
    assert (hop.review_ref, hop.review_result) == ("PR 7", None)


def test_a_move_back_passes_the_guards_like_any_other() -> None:
    assert arm("in_progress", "claimed", agent="bob") == "HeldByAnother"


@pytest.mark.parametrize("to", FORWARD[:-1])
@pytest.mark.parametrize("lane", ["done", "canceled"])
def test_what_is_done_or_canceled_is_not_moved_back(lane: Lane, to: Lane) -> None:
    assert arm(lane, to) == "NoSuchMove"


@pytest.mark.parametrize("to", ["claimed", "for_review", "done"])
def test_what_is_blocked_goes_on_in_progress_only(to: Lane) -> None:
    assert arm("blocked", to) == "NoSuchMove"
