"""What a move asks of git, and that no other asks anything."""

from __future__ import annotations

from typing import Any

import pytest

from moonmind.missions.lanes import LANES, Lane
from moonmind.missions.moves import MoveRequest, Questions
from moonmind.missions.transition import questions_of

NOTHING = Questions(current=False, merged=False)


def asked(lane: Lane, to: Lane, **options: Any) -> Questions:
    return questions_of(MoveRequest(wp_id="WP01", to=to, **options), lane, "code_change")


@pytest.mark.parametrize(
    ("lane", "to"),
    [("in_progress", "for_review"), ("in_progress", "approved"), ("planned", "for_review"), ("claimed", "in_review")],
)
def test_a_handover_asks_whether_the_work_is_current(lane: Lane, to: Lane) -> None:
    assert asked(lane, to) == Questions(current=True, merged=False)


@pytest.mark.parametrize("lane", ["for_review", "in_review", "approved"])
def test_what_is_done_is_asked_whether_it_is_merged(lane: Lane) -> None:
    assert asked(lane, "done") == Questions(current=False, merged=True)


def test_who_does_all_at_once_is_asked_both() -> None:
    assert asked("claimed", "done") == Questions(current=True, merged=True)


@pytest.mark.parametrize("to", ["planned", "claimed", "in_progress", "in_review", "approved", "blocked", "canceled"])
@pytest.mark.parametrize("lane", ["for_review", "in_review", "approved"])
def test_no_other_move_asks_anything(lane: Lane, to: Lane) -> None:
    assert asked(lane, to) == NOTHING


@pytest.mark.parametrize("lane", LANES)
def test_a_package_that_stays_where_it_is_asks_nothing(lane: Lane) -> None:
    assert asked(lane, lane) == NOTHING


def test_by_force_only_the_commit_of_what_is_done_is_looked_for() -> None:
    assert asked("in_progress", "for_review", force=True) == NOTHING
    assert asked("canceled", "done", force=True) == Questions(current=False, merged=True)


@pytest.mark.parametrize("to", ["for_review", "done"])
def test_a_planning_artifact_asks_nothing(to: Lane) -> None:
    assert questions_of(MoveRequest(wp_id="WP01", to=to), "in_progress", "planning_artifact") == NOTHING
