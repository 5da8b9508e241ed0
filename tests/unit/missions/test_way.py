"""Which commit of a package was handed over."""

from __future__ import annotations

from itertools import pairwise

import pytest

from moonmind.missions.events import Event, Evidence
from moonmind.missions.lanes import Lane
from moonmind.missions.way import handed_over_commit
from tests.unit.missions.test_workflow import event

COMMIT = "c" * 40


def moves(*lanes: Lane) -> list[Event]:
    """Every hand-over with a commit."""
    there = {"for_review": Evidence(commit=COMMIT), "in_progress": Evidence(branch="work", base="b" * 40)}
    return [event(n, lane, to, evidence=there.get(to)) for n, (lane, to) in enumerate(pairwise(lanes))]


@pytest.mark.parametrize("after", [(), ("in_review",), ("in_review", "approved"), ("in_review", "blocked")])
def test_it_is_that_of_the_handover(after: tuple[Lane, ...]) -> None:
    assert handed_over_commit(moves("planned", "claimed", "in_progress", "for_review", *after)) == COMMIT


@pytest.mark.parametrize("back", ["planned", "claimed", "in_progress"])
def test_what_went_back_to_work_is_not_handed_over(back: Lane) -> None:
    assert handed_over_commit(moves("planned", "claimed", "in_progress", "for_review", back, "blocked")) is None


@pytest.mark.parametrize("lanes", [("planned",), ("planned", "canceled")])
def test_without_a_handover_there_is_none(lanes: tuple[Lane, ...]) -> None:
    assert handed_over_commit(moves(*lanes)) is None
