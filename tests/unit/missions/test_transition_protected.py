"""Where a move is written: the package's file, or the log alone."""

from __future__ import annotations

from typing import Any

import pytest

from moonmind.missions.placement import Policy
from moonmind.missions.transition import SKIPPED_REASON
from tests.support.moves import BY_FORCE, arm, move, refusal

FILE_ONLY: dict[str, Any] = {"assignee": "bob", "shell_pid": "17", "tracker_refs": ["GH-1"]}


@pytest.mark.parametrize("policy", ["commit", "keep"])
def test_the_packages_file_gets_who_acts_and_what_was_given(policy: Policy) -> None:
    answer = move("planned", "claimed", agent="bob", **FILE_ONLY, facts={"policy": policy})
    assert answer.fields == {"agent": "bob", "assignee": "bob", "shell_pid": "17", "tracker_refs": ["GH-1"]}
    assert (answer.skipped, answer.skipped_reason) == ((), None)


def test_what_is_not_given_stays_as_it_is() -> None:
    assert move("planned", "claimed").fields == {"agent": "ann"}


def test_tracker_refs_join_those_that_the_file_has() -> None:
    facts = {"tracker_refs": ["GH-2", "GH-1"]}
    assert move("planned", "claimed", tracker_refs=["GH-1", "GH-3"], facts=facts).fields["tracker_refs"] == [
        "GH-2",
        "GH-1",
        "GH-3",
    ]


def test_where_the_file_is_left_alone_the_move_is_made_and_says_so() -> None:
    answer = move("planned", "claimed", facts={"policy": "skip"})
    assert [hop.to_lane for hop in answer.hops] == ["claimed"]
    assert answer.fields == {}
    assert (answer.skipped, answer.skipped_reason) == (("agent", "history"), SKIPPED_REASON)


def test_options_that_would_be_lost_are_named() -> None:
    answer = refusal("planned", "claimed", **FILE_ONLY, facts={"policy": "skip"})
    assert (answer.code, answer.details) == (
        "MetadataWouldBeLost",
        {"options": ["--assignee", "--shell-pid", "--tracker-ref"]},
    )


@pytest.mark.parametrize("known", [{}, BY_FORCE], ids=["plain", "forced"])
def test_where_nothing_may_be_committed_nothing_moves(known: dict[str, Any]) -> None:
    assert arm("planned", "claimed", **known, facts={"policy": "refuse"}) == "ProtectedBranch"
