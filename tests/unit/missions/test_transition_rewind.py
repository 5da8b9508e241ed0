"""Moves back that the table does not have."""

from __future__ import annotations

import itertools

import pytest

from moonmind.missions.lanes import EDGES, FORWARD, Lane
from tests.support.moves import BY_FORCE, WITH_FEEDBACK, arm, only_hop

BACK = [(lane, to) for to, lane in itertools.combinations(FORWARD[:-1], 2) if (lane, to) not in EDGES]


@pytest.mark.parametrize(("lane", "to"), [*BACK, ("blocked", "planned")])
def test_a_move_back_is_forced_with_its_own_reason(lane: Lane, to: Lane) -> None:
    rejects = lane in ("for_review", "in_review", "approved") and to in ("planned", "in_progress")
    hop = only_hop(lane, to, note="a step too far", facts=WITH_FEEDBACK if rejects else {})
    assert (hop.from_lane, hop.to_lane, hop.force, hop.reason) == (lane, to, True, "backward rewind")


def test_a_move_back_that_the_table_has_is_an_ordinary_one() -> None:
    hop = only_hop("in_progress", "planned", note="too early")
    assert (hop.force, hop.reason) == (False, "too early")


def test_who_forces_a_move_back_gives_the_reason() -> None:
    assert only_hop("in_review", "claimed", **BY_FORCE).reason == "the lead said so"


@pytest.mark.parametrize("lane", ["in_review", "approved"])
def test_going_back_hands_nothing_over(lane: Lane) -> None:
    assert only_hop(lane, "for_review").evidence is None


def test_a_move_back_passes_the_guards_like_any_other() -> None:
    assert arm("in_progress", "claimed", agent="bob") == "HeldByAnother"


@pytest.mark.parametrize("to", FORWARD[:-1])
@pytest.mark.parametrize("lane", ["done", "canceled"])
def test_what_is_done_or_canceled_is_not_moved_back(lane: Lane, to: Lane) -> None:
    assert arm(lane, to) == "NoSuchMove"


@pytest.mark.parametrize("to", ["claimed", "for_review", "done"])
def test_what_is_blocked_goes_on_in_progress_only(to: Lane) -> None:
    assert arm("blocked", to) == "NoSuchMove"
