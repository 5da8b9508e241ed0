"""New events: ids and times."""

from __future__ import annotations

import pytest

from moonmind.missions.board import Board, Package
from moonmind.missions.commands.moment import make_events, moment_after
from moonmind.missions.documents.packages import FrontMatter
from moonmind.missions.errors import MissionError
from moonmind.missions.events import Event
from moonmind.missions.ids import make_ulid
from moonmind.missions.moves import Hop
from moonmind.missions.snapshot import Snapshot
from tests.unit.missions.commands.desk import MISSION_ID, NOW, PARSER, SLUG, event, meta

MOST = (1 << 80) - 1
CLAIM = Hop(from_lane="planned", to_lane="claimed", actor="ann")
START = Hop(from_lane="claimed", to_lane="in_progress", actor="ann", reason="it is time")


def make(*hops: Hop, chance: int = 5, now: str = NOW, log: tuple[Event, ...] = ()) -> list[Event]:
    nothing = Snapshot(mission_id=MISSION_ID, mission_slug=SLUG, at=None, events=0, work_packages={})
    board = Board(meta=meta(), sections=(), packages={}, events=log, snapshot=nothing)
    front = FrontMatter(work_package_id="WP01", title="Parser", execution_mode="planning_artifact")
    return make_events(board, [(Package(PARSER, front), hop) for hop in hops], now=now, chance=chance)


def test_an_event_tells_of_its_hop_its_package_and_its_mission() -> None:
    (made,) = make(START)
    assert made == Event(
        event_id=make_ulid(1_795_255_200_000, 5),
        at=NOW,
        wp_id="WP01",
        from_lane="claimed",
        to_lane="in_progress",
        actor="ann",
        force=False,
        reason="it is time",
        evidence=None,
        review_ref=None,
        review_result=None,
        execution_mode="planning_artifact",
        mission_id=MISSION_ID,
        mission_slug=SLUG,
    )


@pytest.mark.parametrize("chance", [0, 31, MOST])
def test_the_hops_of_a_move_are_of_one_instant_and_their_ids_sort_as_they_stand(chance: int) -> None:
    claimed, started = make(CLAIM, START, chance=chance)
    assert claimed.at == started.at == NOW
    assert claimed.event_id < started.event_id


def test_without_a_log_it_is_now() -> None:
    assert moment_after(None, NOW) == NOW


def test_after_an_earlier_event_it_is_now() -> None:
    assert moment_after("2026-11-21T09:59:59.999999Z", NOW) == NOW


@pytest.mark.parametrize(
    ("last", "after"),
    [
        (NOW, "2026-11-21T10:00:00.000001Z"),
        ("2099-12-31T23:59:59.999999Z", "2100-01-01T00:00:00.000000Z"),
    ],
)
def test_a_clock_that_is_behind_the_log_is_put_right(last: str, after: str) -> None:
    assert moment_after(last, NOW) == after


def test_the_latest_event_counts_wherever_it_stands_in_the_log() -> None:
    (made,) = make(
        CLAIM, now="2026-11-21T08:00:00.000000Z", log=(event(7, "planned", "claimed"), event(3, "planned", "claimed"))
    )
    assert made.at == "2026-11-21T09:07:00.000001Z"


@pytest.mark.parametrize("last", ["9999-12-31T23:59:59.999999Z", "2026-13-45T00:00:00.000000Z"])
def test_a_time_that_nothing_comes_after_is_an_error_of_the_log(last: str) -> None:
    with pytest.raises(MissionError, match=last) as caught:
        moment_after(last, NOW)
    assert caught.value.code == "BrokenEventLog"


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(MissionError) as caught:
        make(Hop(from_lane="planned", to_lane="claimed", actor="ann\udc80"))
    assert caught.value.code == "NotText"
