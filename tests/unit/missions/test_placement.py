"""Where things are, and what may be written there."""

from __future__ import annotations

from typing import get_args

import pytest

from moonmind.missions.meta import Meta
from moonmind.missions.placement import Branches, Kind, Policy, Writer, decide_policy, place_of
from tests.support.missions import meta

SINGLE = meta(protected_branches=["main"])
COORDINATED = meta(topology="coordination", coordination_branch="missions", protected_branches=["main"])


@pytest.mark.parametrize("kind", get_args(Kind))
def test_all_of_a_single_mission_is_in_the_working_tree(kind: Kind) -> None:
    assert place_of(kind, "single") == "tree"


@pytest.mark.parametrize("kind", get_args(Kind))
def test_the_log_and_the_reviews_of_a_coordinated_one_are_on_its_branch(kind: Kind) -> None:
    assert place_of(kind, "coordination") == ("coordination" if kind in ("status", "review") else "tree")


@pytest.mark.parametrize(("branch", "protected"), [("main", True), (None, True), ("work", False)])
def test_a_detached_head_counts_as_protected(branch: str | None, protected: bool) -> None:
    assert Branches(branch, SINGLE).is_protected == protected


@pytest.mark.parametrize("writer", get_args(Writer))
@pytest.mark.parametrize("mission", [SINGLE, COORDINATED])
def test_elsewhere_files_are_committed_or_on_demand_kept(writer: Writer, mission: Meta) -> None:
    work = Branches("work", mission)
    assert decide_policy(writer, work, auto_commit=True) == "commit"
    assert decide_policy(writer, work, auto_commit=False) == "keep"


@pytest.mark.parametrize(
    ("writer", "mission", "auto_commit", "policy"),
    [
        ("move-task", SINGLE, True, "refuse"),
        ("mark-status", SINGLE, True, "refuse"),
        ("map-requirements", SINGLE, True, "refuse"),
        ("move-task", SINGLE, False, "keep"),
        ("mark-status", SINGLE, False, "keep"),
        ("map-requirements", SINGLE, False, "keep"),
        ("move-task", COORDINATED, True, "skip"),
        ("mark-status", COORDINATED, True, "refuse"),
        ("map-requirements", COORDINATED, True, "refuse"),
        ("move-task", COORDINATED, False, "skip"),
        ("mark-status", COORDINATED, False, "refuse"),
        ("map-requirements", COORDINATED, False, "refuse"),
    ],
)
def test_on_a_protected_branch(writer: Writer, mission: Meta, auto_commit: bool, policy: Policy) -> None:
    assert decide_policy(writer, Branches("main", mission), auto_commit=auto_commit) == policy
