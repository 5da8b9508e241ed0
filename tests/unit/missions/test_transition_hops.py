"""The way through the lanes: every hop, and what each rests on."""

from __future__ import annotations

from typing import Any

import pytest

from moonmind.missions.events import Evidence, ReviewResult
from moonmind.missions.lanes import EDGES, FORWARD, Lane
from moonmind.missions.moves import Move
from tests.support.moves import HEAD, WITH_FEEDBACK, move, only_hop

BASE = "b" * 40
ENOUGH: dict[str, Any] = {"reviewer": "rob", "approval_ref": "PR 7", "note": "so it is"}


def lanes_of(answer: Move) -> list[Lane]:
    return [answer.hops[0].from_lane, *(hop.to_lane for hop in answer.hops)]


@pytest.mark.parametrize(("lane", "to"), EDGES)
def test_each_edge_of_the_table_is_one_unforced_hop(lane: Lane, to: Lane) -> None:
    goes_back = lane in ("in_review", "approved") and to in ("planned", "in_progress")
    hop = only_hop(lane, to, facts=WITH_FEEDBACK if goes_back else {}, **ENOUGH)
    assert (hop.from_lane, hop.to_lane, hop.force, hop.reason) == (lane, to, False, "so it is")


@pytest.mark.parametrize("start", range(len(FORWARD) - 2))
def test_a_move_over_several_lanes_makes_every_hop(start: int) -> None:
    lane = FORWARD[start]
    if (lane, "done") in EDGES:
        assert lanes_of(move(lane, "done", **ENOUGH)) == [lane, "done"]
    else:
        assert lanes_of(move(lane, "done", **ENOUGH)) == list(FORWARD[start:])


def test_every_hop_of_a_way_says_who_and_why() -> None:
    hops = move("planned", "for_review", agent="bob", note="from the archive").hops
    assert {(hop.actor, hop.reason) for hop in hops} == {("bob", "from the archive")}


def test_a_move_without_a_note_has_no_reason() -> None:
    assert only_hop("planned", "claimed").reason is None


def test_the_default_actor_acts_when_no_agent_is_named() -> None:
    assert only_hop("planned", "claimed", facts={"actor_default": "git user"}).actor == "git user"
    assert only_hop("planned", "claimed", agent="bob", facts={"actor_default": "git user"}).actor == "bob"


def test_going_in_progress_records_where_and_from_which_commit() -> None:
    assert only_hop("claimed", "in_progress").evidence == Evidence(branch="007-work", base=HEAD)


@pytest.mark.parametrize("lane", ["blocked", "in_review"])
def test_work_that_goes_on_keeps_its_base(lane: Lane) -> None:
    begun = {"branch": "007-work", "base": BASE}
    hop = only_hop(lane, "in_progress", state=begun, facts=WITH_FEEDBACK if lane == "in_review" else {})
    assert hop.evidence == Evidence(branch="007-work", base=BASE)


def test_work_that_begins_anew_elsewhere_has_a_new_base() -> None:
    begun = {"branch": "007-old", "base": BASE}
    assert only_hop("claimed", "in_progress", state=begun).evidence == Evidence(branch="007-work", base=HEAD)


def test_without_a_branch_what_was_blocked_goes_on_and_records_none() -> None:
    assert only_hop("blocked", "in_progress", work={"branch": None}).evidence is None


@pytest.mark.parametrize(
    ("lane", "to"), [("in_progress", "for_review"), ("in_progress", "approved"), ("approved", "done")]
)
def test_what_is_handed_over_or_done_is_a_commit(lane: Lane, to: Lane) -> None:
    assert only_hop(lane, to, **ENOUGH).evidence == Evidence(commit=HEAD)


@pytest.mark.parametrize(("lane", "to"), [("planned", "claimed"), ("for_review", "in_review"), ("claimed", "blocked")])
def test_other_hops_rest_on_nothing(lane: Lane, to: Lane) -> None:
    assert only_hop(lane, to).evidence is None


def test_why_it_is_done_without_being_merged_is_recorded() -> None:
    hop = only_hop("approved", "done", work={"is_merged": False}, done_override_reason="sent by mail")
    assert hop.evidence == Evidence(commit=HEAD, override="sent by mail")


def test_tracker_refs_stand_in_the_last_hop() -> None:
    first, last = move("planned", "in_progress", tracker_refs=["GH-1"]).hops
    assert first.evidence is None
    assert last.evidence == Evidence(branch="007-work", base=HEAD, tracker_refs=["GH-1"])


def test_an_approval_says_who_and_where() -> None:
    hop = only_hop("in_review", "approved", reviewer="rob", approval_ref="PR 7")
    assert (hop.review_result, hop.review_ref) == (ReviewResult(verdict="approved", reviewer="rob"), "PR 7")


def test_only_what_approves_or_finishes_refers_to_the_approval() -> None:
    hops = move("in_progress", "done", reviewer="rob", approval_ref="PR 7").hops
    assert [hop.review_ref for hop in hops] == [None, None, "PR 7", "PR 7"]


def test_on_a_longer_way_the_hop_that_approves_has_the_verdict() -> None:
    hops = move("for_review", "done", reviewer="rob").hops
    assert [hop.review_result and hop.review_result.verdict for hop in hops] == [None, "approved", None]


def test_who_acts_is_the_reviewer_when_none_is_named() -> None:
    hop = only_hop("in_review", "done", agent="rob")
    assert hop.review_result == ReviewResult(verdict="approved", reviewer="rob")


@pytest.mark.parametrize("to", ["blocked", "canceled"])
def test_a_review_that_ends_without_a_verdict_says_so(to: Lane) -> None:
    assert only_hop("in_review", to).review_result == ReviewResult(verdict="none", reviewer="ann")


@pytest.mark.parametrize("lane", ["for_review", "approved"])
def test_only_a_review_that_was_begun_ends(lane: Lane) -> None:
    assert only_hop(lane, "blocked").review_result is None
