"""Force: what it passes, what it does not, and that the event says so. Arbiters: force against a rejection."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from moonmind.missions.events import Category, Evidence
from moonmind.missions.lanes import FORWARD, LANES, Lane
from tests.support.moves import BY_FORCE, BY_ONESELF, REJECTED, WITH_FEEDBACK, arm, move, only_hop


@pytest.mark.parametrize("missing", ["agent", "note"])
def test_force_needs_who_and_why(missing: str) -> None:
    assert arm("planned", "claimed", **{**BY_FORCE, missing: None}) == "ForceUnexplained"


@pytest.mark.parametrize("lane", ["done", "canceled"])
@pytest.mark.parametrize("to", LANES)
def test_by_force_what_is_over_goes_anywhere_and_the_event_says_so(lane: Lane, to: Lane) -> None:
    if lane == to:
        assert arm(lane, to, **BY_FORCE) == "OptionsNotUsed"
        return
    hop = only_hop(lane, to, **BY_FORCE)
    assert (hop.from_lane, hop.to_lane, hop.force, hop.reason) == (lane, to, True, "the lead said so")


def test_by_force_a_longer_way_is_gone_hop_by_hop_each_of_them_forced() -> None:
    hops = move("planned", "done", **BY_FORCE).hops
    assert [hop.to_lane for hop in hops] == list(FORWARD[1:])
    assert {(hop.force, hop.reason) for hop in hops} == {(True, "the lead said so")}


def test_where_there_is_no_way_one_forced_hop_is_made() -> None:
    hop = only_hop("blocked", "for_review", **BY_FORCE)
    assert (hop.from_lane, hop.to_lane, hop.force) == ("blocked", "for_review", True)


PASSED: list[dict[str, Any]] = [
    {"state": {"holder": "bob"}},
    {"state": REJECTED},
    {"facts": {"open_subtasks": ["T001"]}},
    {"work": {"uncommitted": ["a.py"]}},
    {"work": {"behind": ["b.py"]}},
    {"work": {"has_commits_beyond": False}},
    {"work": {"is_merged": False}},
    {"work": {"missing": ["main"]}},
    {"work": {"branch": None, "head": None}},
]


@pytest.mark.parametrize("known", PASSED, ids=lambda known: "-".join(next(iter(known.values()))))
def test_force_passes(known: dict[str, Any]) -> None:
    assert arm("claimed", "done", **known) != "forced"
    assert arm("claimed", "done", **known, **BY_FORCE) == "forced"


def test_force_passes_what_the_table_asks_for() -> None:
    assert arm("in_progress", "approved", **BY_FORCE) == "forced"
    assert arm("in_progress", "planned", **BY_FORCE) == "forced"


@pytest.mark.parametrize(
    ("code", "known"),
    [
        ("SelfReviewFlags", {"intended_reviewer": "rob"}),
        ("SelfReviewFlags", {**BY_ONESELF, "to": "blocked"}),
        ("FeedbackNotUsed", {"facts": WITH_FEEDBACK}),
        ("MetadataWouldBeLost", {"facts": {"policy": "skip"}, "assignee": "bob"}),
        ("ProtectedBranch", {"facts": {"policy": "refuse"}}),
        ("UnreadableVerdict", {"facts": {"review_file": "unreadable"}}),
        ("FeedbackFileMissing", {"facts": {"feedback": "missing"}}),
        ("FeedbackRequired", {"lane": "approved", "to": "planned"}),
    ],
)
def test_force_does_not_help_against(code: str, known: dict[str, Any]) -> None:
    assert arm(**{"lane": "claimed", "to": "done", **BY_FORCE, **known}) == code


@pytest.mark.parametrize("category", get_args(Category))
def test_an_arbiters_category_is_recorded_as_the_package_leaves_planned(category: Category) -> None:
    note = f"[{category}] it failed before, too"
    answer = move("planned", "in_progress", state=REJECTED, force=True, agent="lea", note=note)
    assert answer.name == "arbiter_override"
    assert answer.hops[0].evidence == Evidence(arbiter=category)
    assert answer.hops[1].evidence == Evidence(branch="007-work", base="c" * 40)
    assert {hop.reason for hop in answer.hops} == {note}


@pytest.mark.parametrize("note", ["it is fine", "[taste] it is fine", "[custom]", "see [custom] it is fine"])
def test_an_arbiter_gives_a_category_and_a_reason(note: str) -> None:
    known = {"state": REJECTED, "force": True, "agent": "lea", "note": note}
    assert arm("planned", "claimed", **known) == "ArbiterCategoryRequired"


@pytest.mark.parametrize(
    ("lane", "to", "state"),
    [
        ("planned", "claimed", {}),
        ("planned", "claimed", {**REJECTED, "reviewed_anew": True}),
        ("planned", "canceled", REJECTED),
        ("in_progress", "approved", REJECTED),
    ],
)
def test_other_force_needs_no_category(lane: Lane, to: Lane, state: dict[str, Any]) -> None:
    assert arm(lane, to, state=state, **BY_FORCE) == "forced"


def test_without_force_a_rejected_package_is_simply_taken_up_again() -> None:
    assert arm("planned", "in_progress", state=REJECTED) == "several_hops"
