"""The board: each artifact is read from where it is kept, and files that do not go together are refused."""

from __future__ import annotations

import msgspec
import pytest

from moonmind.missions.board import MAX_PACKAGES, Board, read_board
from moonmind.missions.errors import MissionError
from moonmind.missions.events import Event, Evidence, encode_events
from tests.fakes.missions import FakeReader
from tests.support.missions import meta

SLUG = "007-night-shift"
META = meta()
TASKS = b"## WP01: Parser\n- [ ] T001 a\n- [ ] T002 b\n## WP02: Report\nDepends on: WP01\n"
EVENT = Event(
    event_id="01JD6V0000000000000000000B",
    at="2026-11-21T09:30:00.000000Z",
    wp_id="WP01",
    from_lane="planned",
    to_lane="claimed",
    actor="ann",
    force=False,
    reason=None,
    evidence=None,
    review_ref=None,
    review_result=None,
    execution_mode="code_change",
    mission_id=META.mission_id,
    mission_slug=SLUG,
)


def package(wp_id: str) -> bytes:
    return f"---\nwork_package_id: {wp_id}\ntitle: x\n---\n".encode()


def board(files: dict[str, bytes]) -> Board:
    return read_board(FakeReader({SLUG: {"status.events.jsonl": b"", **files}}), META)


def refusal(files: dict[str, bytes]) -> MissionError:
    with pytest.raises(MissionError) as caught:
        board(files)
    return caught.value


def test_a_new_mission_is_an_empty_board() -> None:
    read = board({})
    assert (read.sections, read.packages, read.events, read.has_tasks) == ((), {}, [], False)
    assert read.state_of("WP01").lane == "planned"


def test_tasks_packages_and_log_are_read() -> None:
    read = board(
        {
            "tasks.md": TASKS,
            "tasks/WP02-report.md": package("WP02"),
            "tasks/WP01-parser.md": package("WP01"),
            "tasks/WP01-parser/review-cycle-1.md": b"",
            "tasks/README.md": b"",
            "status.events.jsonl": encode_events([EVENT]),
        }
    )
    assert read.dependencies == {"WP01": (), "WP02": ("WP01",)}
    assert {wp_id: (one.path, one.review_folder) for wp_id, one in read.packages.items()} == {
        "WP01": ("tasks/WP01-parser.md", "tasks/WP01-parser"),
        "WP02": ("tasks/WP02-report.md", "tasks/WP02-report"),
    }
    assert read.events == [EVENT]
    assert (read.state_of("WP01").lane, read.state_of("WP02").lane) == ("claimed", "planned")
    assert read.has_tasks


def test_packages_stand_in_the_order_of_their_numbers() -> None:
    names = ["WP100", "WP10", "WP11", "WP02"]
    read = board({f"tasks/{name}-x.md": package(name) for name in names})
    assert list(read.packages) == ["WP02", "WP10", "WP11", "WP100"]


def test_open_subtasks_are_those_that_no_event_calls_done() -> None:
    told = msgspec.structs.replace(EVENT, to_lane="planned", evidence=Evidence(subtasks={"T001": "done"}))
    files = {"tasks.md": TASKS, "status.events.jsonl": encode_events([told])}
    assert [one.id for one in board(files).open_subtasks("WP01")] == ["T002"]


@pytest.mark.parametrize(
    ("files", "file", "said"),
    [
        (
            {"tasks/WP01-a.md": package("WP01"), "tasks/WP01-b.md": package("WP01")},
            "tasks/WP01-b.md",
            "tasks/WP01-a.md is WP01",
        ),
        ({"tasks/WP01-a.md": package("WP02")}, "tasks/WP01-a.md", "its name says WP01"),
        ({"tasks/WP01.md": package("WP01")}, "tasks/WP01.md", "WP01-parser.md"),
        ({"tasks/wp01-a.md": package("WP01")}, "tasks/wp01-a.md", "WP01-parser.md"),
        ({"tasks/WP1-a.md": package("WP01")}, "tasks/WP1-a.md", "WP01-parser.md"),
    ],
)
def test_files_that_do_not_go_together_are_refused(files: dict[str, bytes], file: str, said: str) -> None:
    refused = refusal(files)
    assert refused.code == "BrokenPackage"
    assert str(refused).startswith(f"specs/{SLUG}/{file}: ")
    assert said in str(refused)
    assert refused.details == {"file": f"specs/{SLUG}/{file}"}


def test_so_many_packages_are_refused() -> None:
    refused = refusal({f"tasks/WP{number:04}-x.md": b"" for number in range(MAX_PACKAGES + 1)})
    assert "1001 packages" in str(refused)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("tasks.md", "BrokenTasks"),
        ("tasks/WP01-a.md", "BrokenFrontMatter"),
        ("status.events.jsonl", "BrokenEventLog"),
    ],
)
def test_what_is_broken_is_an_error_that_names_the_file(path: str, code: str) -> None:
    refused = refusal({path: b"## WP1\n"})
    assert refused.code == code
    assert path in str(refused)


@pytest.mark.parametrize("branch", [None, "missions/it's"])
def test_a_log_that_is_not_there_is_no_empty_one(branch: str | None) -> None:
    of = meta() if branch is None else meta(topology="coordination", coordination_branch=branch)
    with pytest.raises(MissionError) as caught:
        read_board(FakeReader({SLUG: {"tasks.md": TASKS}}), of)
    assert caught.value.code == "BrokenEventLog"
    assert f"specs/{SLUG}/status.events.jsonl is not " in str(caught.value)
    assert caught.value.details["command"] in str(caught.value)
    assert ("'missions/it'\"'\"'s'" in caught.value.details["command"]) == (branch is not None)


def test_a_broken_log_of_a_branch_is_not_looked_for_in_the_working_tree() -> None:
    of = meta(topology="coordination", coordination_branch="missions/007")
    with pytest.raises(MissionError, match=r"git worktree add .* missions/007"):
        read_board(FakeReader({SLUG: {"status.events.jsonl": b"x\n"}}), of)
