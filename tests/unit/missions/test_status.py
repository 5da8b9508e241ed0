"""The board, as it is decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from moonmind.missions.board import Board
from moonmind.missions.events import Event, Evidence, ReviewResult
from moonmind.missions.lanes import LANES, Lane
from moonmind.missions.status import StatusReport, decide_status, list_packages
from tests.support.missions import SLUG, at, board, event, package, section

REJECTED = ReviewResult(verdict="rejected", reviewer="bob")
APPROVED = ReviewResult(verdict="approved", reviewer="bob")


def decide(
    mission: Board, now: str = at(20), minutes: int = 10, commits: Mapping[str, str | None] | None = None
) -> StatusReport:
    return decide_status(mission, now=now, stale_minutes=minutes, last_commits=commits or {})


def put(wp_id: str, lane: Lane, number: int = 1, **rest: Any) -> Event:
    """The package is in that lane, whatever its way."""
    return event(number, "blocked", lane, wp_id=wp_id, **rest)


def in_lanes(*lanes: Lane) -> Board:
    """WP01, WP02, … in these lanes."""
    ids = {f"WP{number:02}": lane for number, lane in enumerate(lanes, start=1)}
    moves = [put(wp_id, lane, number) for number, (wp_id, lane) in enumerate(ids.items())]
    return board(*map(section, ids), events=moves)


def test_an_empty_mission_has_every_lane_and_no_percent() -> None:
    report = decide(board())
    assert list(report.by_lane.items()) == [(lane, 0) for lane in LANES]
    assert (report.progress_percentage, report.weighted_percentage, report.done_percentage) == (0.0, 0.0, 0.0)


def test_the_document_has_the_keys_of_the_envelope() -> None:
    assert list(decide(board()).document()) == [
        "mission_slug",
        "total_wps",
        "by_lane",
        "work_packages",
        "progress_percentage",
        "weighted_percentage",
        "done_count",
        "done_percentage",
        "stale_wps",
        "stale_verdicts",
        "stalled_wps",
        "dependency_readiness",
    ]


def test_lanes_are_counted() -> None:
    report = decide(in_lanes("planned", "done", "done", "canceled"))
    assert (report.mission_slug, report.total_wps, report.done_count) == (SLUG, 4, 2)
    assert {lane: count for lane, count in report.by_lane.items() if count} == {"planned": 1, "done": 2, "canceled": 1}


@pytest.mark.parametrize(
    ("lanes", "done", "progress", "weighted"),
    [
        (["canceled"], 0.0, 0.0, 0.0),
        (["done", "canceled"], 100.0, 100.0, 100.0),
        (["done", "approved", "planned"], 33.3, 66.7, 60.0),
        (["claimed", "in_progress", "for_review", "in_review", "blocked", "planned"], 0.0, 0.0, 27.5),
    ],
)
def test_percentages_leave_out_what_is_canceled_and_have_one_decimal(
    lanes: list[Lane], done: float, progress: float, weighted: float
) -> None:
    report = decide(in_lanes(*lanes))
    assert (report.done_percentage, report.progress_percentage, report.weighted_percentage) == (
        done,
        progress,
        weighted,
    )


def test_packages_are_those_of_tasks_md_and_then_files_that_it_does_not_mention() -> None:
    mission = board(section("WP02"), package("WP09"), package("WP03"), section("WP01"), package("WP01"))
    assert [row["id"] for row in decide(mission).work_packages] == ["WP02", "WP01", "WP03", "WP09"]


def test_what_only_the_log_mentions_is_no_package() -> None:
    assert decide(board(events=[put("WP01", "done")])).total_wps == 0


def test_a_row_tells_of_section_file_and_log() -> None:
    log = [event(1, "planned", "claimed", force=True)]
    mission = board(section("WP01", "WP02", phase="Phase 1"), package("WP01", agent="eve", assignee="zoe"), events=log)
    assert decide(mission).work_packages[0] == {
        "id": "WP01",
        "title": "Work WP01",
        "lane": "claimed",
        "phase": "Phase 1",
        "file": f"specs/{SLUG}/tasks/WP01-work.md",
        "agent": "ann",
        "assignee": "zoe",
        "since": at(1),
        "forced": True,
        "dependencies": ["WP02"],
    }


def test_a_row_without_a_file_has_the_title_of_the_section() -> None:
    row = decide(board(section("WP01"))).work_packages[0]
    assert (row["title"], row["file"], row["agent"], row["assignee"]) == ("Section WP01", None, None, None)


def test_a_row_without_a_section_waits_for_nothing() -> None:
    row = decide(board(package("WP01"))).work_packages[0]
    assert (row["phase"], row["dependencies"]) == (None, [])


def test_whom_the_file_names_counts_until_somebody_claims_it() -> None:
    assert decide(board(package("WP01", agent="eve"))).work_packages[0]["agent"] == "eve"


def test_stale_is_what_is_in_progress_and_was_long_not_heard_of() -> None:
    log = [put("WP01", "in_progress", 10), put("WP02", "in_progress", 11), put("WP03", "claimed", 1)]
    assert decide(board(*map(section, ["WP01", "WP02", "WP03"]), events=log)).stale_wps == ["WP01"]


def test_a_commit_on_its_branch_is_heard() -> None:
    mission = in_lanes("in_progress", "in_progress", "in_progress")
    commits = {"WP01": at(15), "WP02": at(5), "WP03": None}
    assert decide(mission, commits=commits).stale_wps == ["WP02", "WP03"]


def test_so_is_a_subtask() -> None:
    told = event(15, "in_progress", "in_progress", evidence=Evidence(subtasks={"T001": "done"}))
    assert decide(board(section("WP01"), events=[put("WP01", "in_progress"), told])).stale_wps == []


def test_stalled_is_what_waits_long_for_a_review_or_in_one() -> None:
    mission = in_lanes("for_review", "in_review", "approved", "in_progress")
    assert decide(mission, now=at(12)).stalled_wps == ["WP01", "WP02"]
    assert decide(mission, now=at(10.5)).stalled_wps == ["WP01"]


def test_nothing_is_older_than_the_calendar() -> None:
    report = decide(in_lanes("in_progress", "for_review"), minutes=10**15)
    assert (report.stale_wps, report.stalled_wps) == ([], [])


def test_a_verdict_is_stale_where_the_package_went_on_in_spite_of_it() -> None:
    sections = [section(f"WP{number:02}") for number in range(1, 6)]
    log = [
        event(number, "in_review", "planned", wp_id=f"WP{number:02}", review_result=REJECTED) for number in (1, 2, 3)
    ]
    log += [put("WP01", "approved", 11), put("WP02", "done", 12, review_result=APPROVED), put("WP04", "done", 13)]
    assert decide(board(*sections, events=log)).stale_verdicts == ["WP01"]


def test_ready_is_what_waits_only_for_what_is_approved_or_done() -> None:
    log = [put("WP01", "done"), put("WP02", "approved", 2), put("WP03", "canceled", 3)]
    sections = [section("WP01"), section("WP02"), section("WP03"), section("WP04", "WP01", "WP02")]
    waiting = section("WP05", "WP04", "WP01", "WP03", "WP77")
    ready = decide(board(*sections, waiting, package("WP06"), events=log)).dependency_readiness
    assert [wp_id for wp_id, one in ready.items() if one == {"ready": True, "waiting_for": []}] == [
        "WP01",
        "WP02",
        "WP03",
        "WP04",
        "WP06",
    ]
    assert ready["WP05"] == {"ready": False, "waiting_for": ["WP04", "WP03", "WP77"]}


def test_packages_are_listed_all_or_of_one_lane() -> None:
    mission = board(section("WP01"), package("WP01"), section("WP02"), events=[put("WP02", "done")])
    first = {
        "work_package_id": "WP01",
        "title": "Work WP01",
        "lane": "planned",
        "path": f"specs/{SLUG}/tasks/WP01-work.md",
    }
    second = {"work_package_id": "WP02", "title": "Section WP02", "lane": "done", "path": None}
    assert list_packages(mission, None) == [first, second]
    assert list_packages(mission, "done") == [second]
    assert list_packages(mission, "claimed") == []
