"""`list-tasks`: the core's rows, for programs and for people."""

from __future__ import annotations

import pytest

from moonmind.missions import status
from moonmind.missions.commands.list_tasks import _do_list_tasks
from moonmind.missions.lanes import Lane
from tests.unit.missions.commands.desk import Desk, walk


def listed(desk: Desk, lane: Lane | None = None) -> tuple[list[str], int]:
    _do_list_tasks(lane=lane, mission=None, as_json=True, ports=desk.ports)
    return [f"{row['work_package_id']} {row['lane']}" for row in desk.document["tasks"]], desk.document["count"]


def test_all_packages_are_listed_with_their_lanes() -> None:
    assert listed(Desk(*walk("planned", "claimed"))) == (["WP01 claimed", "WP02 planned"], 2)


def test_those_of_one_lane_are_listed() -> None:
    assert listed(Desk(*walk("planned", "claimed")), "claimed") == (["WP01 claimed"], 1)


def test_people_see_a_table() -> None:
    desk = Desk(*walk("planned", "claimed"))
    listed(desk)
    assert desk.render.words == [
        "id    lane     title   file\n"
        "WP01  claimed  Parser  specs/007-night-shift/tasks/WP01-parser.md\n"
        "WP02  planned  Report  specs/007-night-shift/tasks/WP02-report.md"
    ]


def test_none_in_a_lane_is_an_answer() -> None:
    desk = Desk()
    assert listed(desk, "done") == ([], 0)
    assert desk.render.words == ["no work packages in done"]


def test_what_is_shown_is_what_the_core_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"work_package_id": "WP99", "title": "Sentinel", "lane": "blocked", "path": None}
    monkeypatch.setattr(status, "list_packages", lambda board, lane: [row])
    desk = Desk()
    assert listed(desk) == (["WP99 blocked"], 1)
    assert desk.render.words == ["id    lane     title     file\nWP99  blocked  Sentinel  -"]


def test_it_writes_nothing() -> None:
    desk = Desk()
    listed(desk)
    assert desk.files == desk.before
    assert not desk.commits
