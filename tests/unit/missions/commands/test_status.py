"""`status`: what the core is asked, and that its answer is what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from moonmind.missions import status
from moonmind.missions.commands.status import _do_status
from moonmind.missions.events import Evidence
from moonmind.missions.lanes import LANES
from moonmind.missions.status import StatusReport
from tests.fakes.missions import FakeGit
from tests.unit.missions.commands.desk import NOW, Desk, event


def shown(desk: Desk, stale_threshold: int = 10) -> dict[str, Any]:
    _do_status(stale_threshold=stale_threshold, mission=None, as_json=True, now=NOW, ports=desk.ports)
    return dict(desk.document)


def in_progress(*packages: str) -> Desk:
    """Since 09:01, on the branch `work`."""
    where = Evidence(branch="work", base="a" * 40)
    return Desk(*(event(1, "claimed", "in_progress", wp, evidence=where) for wp in packages))


def test_the_board_is_the_cores_report() -> None:
    document = shown(in_progress("WP01"))
    assert document["mission_slug"] == "007-night-shift"
    assert document["by_lane"] == {**dict.fromkeys(LANES, 0), "planned": 1, "in_progress": 1}
    assert document["stale_wps"] == ["WP01"]
    assert document["dependency_readiness"]["WP02"] == {"ready": False, "waiting_for": ["WP01"]}


def test_the_threshold_is_in_minutes() -> None:
    assert shown(in_progress("WP01"), 59)["stale_wps"] == ["WP01"]
    assert shown(in_progress("WP01"), 60)["stale_wps"] == []


def test_a_commit_on_its_branch_keeps_a_package_from_being_stale() -> None:
    desk = in_progress("WP01")
    desk.git.times = {"work": "2026-11-21T09:55:00.000000Z"}
    assert shown(desk)["stale_wps"] == []


class CountingGit(FakeGit):
    asked: Sequence[str] = ()

    def last_commit_at(self, branch: str) -> str | None:
        self.asked = [*self.asked, branch]
        return None


def test_git_is_asked_once_a_branch_and_only_for_what_is_in_progress() -> None:
    desk = in_progress("WP01", "WP02")
    desk.git = git = CountingGit()
    shown(desk)
    assert git.asked == ["work"]
    desk = Desk()
    desk.git = git = CountingGit()
    shown(desk)
    assert git.asked == ()


def test_people_see_the_kanban_under_the_missions_title() -> None:
    desk = in_progress("WP01")
    shown(desk)
    assert desk.render.words[0].startswith("Night shift · 007-night-shift\n")
    assert "in_progress 1" in desk.render.words[0]


def test_what_is_shown_is_what_the_core_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    sentinel = StatusReport(
        mission_slug="999-sentinel", total_wps=0, by_lane={}, work_packages=[], progress_percentage=1.0,
        weighted_percentage=2.0, done_count=3, done_percentage=4.0, stale_wps=["WP97"], stale_verdicts=["WP98"],
        stalled_wps=["WP99"], dependency_readiness={},
    )  # fmt: skip
    monkeypatch.setattr(status, "decide_status", lambda board, **rest: sentinel)
    desk = Desk()
    assert shown(desk) == sentinel.document()
    assert "999-sentinel" in desk.render.words[0]


def test_it_writes_nothing() -> None:
    desk = in_progress("WP01")
    shown(desk)
    assert desk.files == desk.before
    assert not desk.commits
