"""The lanes and their table."""

from __future__ import annotations

from itertools import pairwise

import pytest

from moonmind.missions.lanes import (
    ALIASES,
    EDGES,
    FORWARD,
    LANES,
    NAMES,
    WEIGHTS,
    Lane,
    is_back,
    is_forward,
    lane_named,
)


def test_the_way_ends_with_done_and_what_is_beside_it_is_no_part_of_it() -> None:
    assert FORWARD == ("planned", "claimed", "in_progress", "for_review", "in_review", "approved", "done")
    assert set(LANES) - set(FORWARD) == {"blocked", "canceled"}


@pytest.mark.parametrize("name", LANES)
def test_a_lane_has_its_name_and_a_weight(name: Lane) -> None:
    assert lane_named(name) == name
    assert 0 <= WEIGHTS[name] <= 1


def test_doing_is_another_name_of_in_progress() -> None:
    assert lane_named("doing") == "in_progress"
    assert {*LANES, *ALIASES} == set(NAMES)


@pytest.mark.parametrize("name", ["", "Planned", "finished", "in-progress"])
def test_other_names_are_of_no_lane(name: str) -> None:
    assert lane_named(name) is None


@pytest.mark.parametrize(
    ("from_lane", "to_lane", "back", "forward"),
    [
        ("for_review", "planned", True, False),
        ("planned", "done", False, True),
        ("claimed", "claimed", False, False),
        ("claimed", "blocked", False, False),
        ("blocked", "in_progress", False, False),
        ("canceled", "planned", False, False),
    ],
)
def test_directions(from_lane: Lane, to_lane: Lane, back: bool, forward: bool) -> None:
    assert (is_back(from_lane, to_lane), is_forward(from_lane, to_lane)) == (back, forward)


@pytest.mark.parametrize("lane", LANES)
def test_what_is_not_finished_can_be_canceled_and_what_is_leads_nowhere(lane: Lane) -> None:
    following = {to_lane for from_lane, to_lane in EDGES if from_lane == lane}
    assert ("canceled" in following) == (lane not in ("done", "canceled"))
    assert following or lane in ("done", "canceled")


def test_no_edge_leads_to_where_it_begins() -> None:
    assert all(from_lane != to_lane for from_lane, to_lane in EDGES)


@pytest.mark.parametrize(("lane", "after"), list(pairwise(FORWARD)))
def test_every_hop_of_the_way_is_an_edge(lane: Lane, after: Lane) -> None:
    assert (lane, after) in EDGES
