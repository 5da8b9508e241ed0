"""`mark-status`: the log is told of subtasks, and tasks.md shows what the log says."""

from __future__ import annotations

from typing import Any

import pytest

from moonmind.missions.commands.mark_status import _do_mark_status
from moonmind.missions.errors import MissionError
from moonmind.missions.events import Event, Evidence, SubtaskStatus, parse_log
from moonmind.missions.reducer import reduce_events
from moonmind.missions.snapshot import encode_snapshot
from tests.unit.missions.commands.desk import (
    MISSION_ID,
    NOW,
    PACKAGES,
    REPORT,
    SLUG,
    TASKS,
    Desk,
    coordination,
    event,
    walk,
)


def mark(desk: Desk, *ids: str, status: SubtaskStatus = "done", **options: Any) -> None:
    _do_mark_status(ids, status=status, now=NOW, chance=5, ports=desk.ports, **options)


def told(number: int, wp_id: str = "WP01", **subtasks: SubtaskStatus) -> Event:
    return event(number, "planned", "planned", wp_id, evidence=Evidence(subtasks=subtasks))


def shown(desk: Desk, line: str) -> bool:
    return line in desk.text("tasks.md").splitlines()


def test_a_subtask_is_told_of_in_the_log_and_shown_in_tasks_md() -> None:
    desk = Desk()
    mark(desk, "T001")
    (made,) = desk.new_events
    assert (made.wp_id, made.from_lane, made.to_lane, made.actor, made.at) == ("WP01", "planned", "planned", "Ada", NOW)
    assert made.evidence == Evidence(subtasks={"T001": "done"})
    assert desk.text("tasks.md") == TASKS.replace("[ ] T001", "[x] T001")
    log = parse_log(desk.files["status.events.jsonl"])
    assert desk.files["status.json"] == encode_snapshot(reduce_events(log, mission_id=MISSION_ID, mission_slug=SLUG))


def test_the_package_stays_in_its_lane() -> None:
    desk = Desk(*walk("planned", "claimed", "in_progress"))
    mark(desk, "T001")
    assert [(one.from_lane, one.to_lane) for one in desk.new_events] == [("in_progress", "in_progress")]


def test_subtasks_of_several_packages_are_one_event_a_package() -> None:
    desk = Desk()
    mark(desk, "T003", "T001", "T002")
    report, parser = desk.new_events
    assert (report.wp_id, report.evidence) == ("WP02", Evidence(subtasks={"T003": "done"}))
    assert (parser.wp_id, parser.evidence) == ("WP01", Evidence(subtasks={"T001": "done", "T002": "done"}))
    assert shown(desk, "| T003 | Draw the table | done    |")


def test_it_can_be_taken_back() -> None:
    desk = Desk(told(0, T001="done"), files={"tasks.md": TASKS.replace("[ ] T001", "[x] T001")})
    mark(desk, "T001", status="pending")
    assert [one.evidence for one in desk.new_events] == [Evidence(subtasks={"T001": "pending"})]
    assert desk.text("tasks.md") == TASKS


def test_programs_are_told_exactly_this() -> None:
    desk = Desk(told(0, T001="done"))
    mark(desk, "T001", "T003")
    assert desk.document == {
        "results": [
            {
                "id": "T001",
                "outcome": "already_satisfied",
                "format": "checkbox",
                "message": "T001 of WP01 is done already",
            },
            {"id": "T003", "outcome": "updated", "format": "table", "message": "T003 of WP02 is done"},
        ],
        "summary": {"updated": 1, "already_satisfied": 1, "not_found": 0},
    }
    assert desk.render.words == ["T001 of WP01 is done already\nT003 of WP02 is done"]


def test_only_what_is_new_is_told() -> None:
    desk = Desk(told(0, T001="done"))
    mark(desk, "T001", "T002")
    assert [one.evidence for one in desk.new_events] == [Evidence(subtasks={"T002": "done"})]


def test_an_id_that_is_named_twice_is_answered_once() -> None:
    desk = Desk()
    mark(desk, "T001", "T001")
    assert [result["id"] for result in desk.document["results"]] == ["T001"]


def test_when_all_is_so_already_nothing_is_written() -> None:
    desk = Desk(told(0, T001="done"), files={"tasks.md": TASKS.replace("[ ] T001", "[x] T001")})
    mark(desk, "T001")
    assert desk.files == desk.before
    assert desk.document["summary"] == {"updated": 0, "already_satisfied": 1, "not_found": 0}


def test_a_box_that_was_not_written_is_written_when_it_is_said_again() -> None:
    desk = Desk(told(0, T001="done"))
    mark(desk, "T001")
    assert [commit.kind for commit in desk.commits] == ["planning"]
    assert shown(desk, "- [x] T001 Read the file")


def test_boxes_that_were_changed_by_hand_are_put_right_and_it_is_said() -> None:
    desk = Desk(files={"tasks.md": TASKS.replace("[ ] T002", "[x] T002")})
    mark(desk, "T001")
    assert shown(desk, "- [x] T001 Read the file")
    assert shown(desk, "- [ ] T002 Report a broken line")
    (note,) = desk.render.notes
    assert note.startswith("T002: ")


def test_the_log_is_written_before_tasks_md() -> None:
    desk = Desk()
    mark(desk, "T001")
    assert [(commit.kind, commit.branch) for commit in desk.commits] == [("status", "work"), ("planning", "work")]
    assert desk.commits[1].message == "T001: done"
    assert not desk.render.notes


def test_without_auto_commit_the_files_are_left_to_the_user() -> None:
    desk = Desk(branch="main")
    mark(desk, "T001", auto_commit=False)
    assert [(commit.kind, commit.branch) for commit in desk.commits] == [("status", None), ("planning", None)]


def test_an_unknown_id_refuses_all() -> None:
    desk = Desk(told(0, T002="done"))
    with pytest.raises(MissionError, match="T008, T009") as caught:
        mark(desk, "T001", "T002", "T008", "T009")
    assert (caught.value.code, caught.value.exit_code) == ("UnknownSubtask", 1)
    assert [(one["id"], one["outcome"]) for one in caught.value.details["results"]] == [
        ("T002", "already_satisfied"), ("T008", "not_found"), ("T009", "not_found"),
    ]  # fmt: skip
    assert caught.value.details["summary"] == {"updated": 0, "already_satisfied": 1, "not_found": 2}
    assert desk.is_untouched


@pytest.mark.parametrize("is_coordinated", [False, True])
@pytest.mark.parametrize("branch", ["main", None])
def test_a_protected_branch_or_none_refuses(branch: str | None, is_coordinated: bool) -> None:
    desk = Desk(of=coordination() if is_coordinated else None, branch=branch)
    with pytest.raises(MissionError, match="check out a branch") as caught:
        mark(desk, "T001")
    assert (caught.value.code, caught.value.exit_code) == ("ProtectedBranch", 1)
    assert desk.is_untouched


def test_no_auto_commit_is_offered_only_where_it_helps() -> None:
    with pytest.raises(MissionError, match="--no-auto-commit"):
        mark(Desk(branch="main"), "T001")
    desk = Desk(of=coordination(), branch="main")
    with pytest.raises(MissionError) as caught:
        mark(desk, "T001", auto_commit=False)
    assert "--no-auto-commit" not in str(caught.value)
    assert desk.is_untouched


def test_without_anybody_who_acts_it_is_refused() -> None:
    desk = Desk()
    desk.git.user = None
    with pytest.raises(MissionError, match="git config") as caught:
        mark(desk, "T001")
    assert caught.value.code == "ActorRequired"
    assert desk.is_untouched


def test_a_section_without_a_package_is_refused() -> None:
    desk = Desk(files={REPORT: PACKAGES[REPORT]})
    del desk.files[REPORT]
    desk.before = dict(desk.files)
    with pytest.raises(MissionError, match="tasks/WP02"):
        mark(desk, "T001", "T003")
    assert desk.is_untouched


def test_the_next_event_comes_after_the_last_one() -> None:
    desk = Desk(event(0, "planned", "claimed", at="2026-12-01T00:00:00.000000Z"))
    mark(desk, "T001")
    assert desk.new_events[0].at == "2026-12-01T00:00:00.000001Z"
