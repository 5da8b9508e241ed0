"""Rejections, and reviews of one's own work."""

from __future__ import annotations

import pytest

from moonmind.missions.events import ReviewResult
from moonmind.missions.lanes import Lane
from tests.support.moves import BY_FORCE, BY_ONESELF, WITH_FEEDBACK, arm, move, only_hop

THIRD = {**WITH_FEEDBACK, "next_cycle": 3}


@pytest.mark.parametrize("lane", ["for_review", "in_review", "approved"])
@pytest.mark.parametrize("to", ["planned", "claimed", "in_progress"])
def test_a_rejection_names_the_reviewer_the_cycle_and_its_file(lane: Lane, to: Lane) -> None:
    hop = only_hop(lane, to, reviewer="rob", facts=THIRD)
    assert hop.review_result == ReviewResult(verdict="rejected", reviewer="rob", cycle=3)
    assert hop.review_ref == "review-cycle-3.md"


def test_the_feedback_of_a_rejection_is_written() -> None:
    answer = move("in_review", "planned", facts=THIRD)
    assert (answer.name, answer.writes_feedback) == ("rejection", True)


def test_what_was_not_handed_over_may_be_planned_again_with_feedback_too() -> None:
    answer = move("in_progress", "planned", facts=THIRD)
    assert (answer.name, answer.writes_feedback) == ("rejection", True)


def test_an_approval_is_taken_back_by_its_reference_without_feedback() -> None:
    answer = move("approved", "in_progress", approval_ref="PR 7", reviewer="rob")
    (hop,) = answer.hops
    assert (hop.review_result, hop.review_ref) == (ReviewResult(verdict="rejected", reviewer="rob"), "PR 7")
    assert answer.writes_feedback is False


def test_by_force_work_goes_back_in_progress_without_feedback() -> None:
    hop = only_hop("in_review", "in_progress", **BY_FORCE)
    assert (hop.review_result, hop.review_ref) == (ReviewResult(verdict="rejected", reviewer="ann"), None)


def test_a_review_by_oneself_says_who_should_have_done_it_and_why_they_did_not() -> None:
    hop = only_hop("in_review", "approved", **BY_ONESELF)
    assert hop.review_result == ReviewResult(
        verdict="approved", reviewer="ann", intended_reviewer="rob", failure="rob is ill"
    )


def test_a_rejection_by_oneself_may_say_so_too() -> None:
    hop = only_hop("in_review", "planned", facts=THIRD, **BY_ONESELF)
    assert hop.review_result is not None
    assert (hop.review_result.verdict, hop.review_result.intended_reviewer) == ("rejected", "rob")


def test_nobody_reviews_the_own_work_of_nobody() -> None:
    assert arm("planned", "approved", facts={"actor_default": None}) == "ActorRequired"
