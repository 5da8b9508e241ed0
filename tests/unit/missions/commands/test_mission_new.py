"""Making a mission."""

from __future__ import annotations

import json
from typing import Any

import pytest

from moonmind.missions.commands.mission_new import _do_mission_new
from moonmind.missions.errors import USAGE, MissionError
from moonmind.missions.ids import ULID
from moonmind.missions.meta import parse_meta
from moonmind.missions.ports import Ports
from tests.fakes.missions import FakeGit, FakeReader, FakeRender, FakeRouter, fake_ports

NOW = "2026-11-21T09:30:00.000000Z"
COMMIT = "a" * 40


def world(files: dict[str, dict[str, bytes]] | None = None, **git: Any) -> Ports:
    return fake_ports(files if files is not None else {}, git=FakeGit(**{"commits": {"main": COMMIT}} | git))


def make(ports: Ports, title: str = "Night shift", **options: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "slug": None,
        "topology": "single",
        "coordination_branch": None,
        "target_branch": None,
        "protected_branches": (),
        "as_json": True,
        "now": NOW,
        "chance": 7,
    }
    _do_mission_new(title=title, ports=ports, **arguments | options)
    assert isinstance(ports.render, FakeRender)
    return dict(ports.render.documents[-1])


def files_of(ports: Ports) -> dict[str, dict[str, bytes]]:
    assert isinstance(ports.reader, FakeReader)
    return ports.reader.files


def refusal(ports: Ports, title: str = "Night shift", **options: Any) -> MissionError:
    with pytest.raises(MissionError) as caught:
        make(ports, title, **options)
    assert isinstance(ports.router, FakeRouter)
    assert ports.router.commits == []
    return caught.value


def test_the_folder_has_everything() -> None:
    ports = world()
    made = make(ports)
    assert (
        made.pop("mission_id")
        == parse_meta(files_of(ports)["001-night-shift"]["meta.json"], "001-night-shift").mission_id
    )
    files = made.pop("files")
    assert made == {
        "result": "created",
        "mission_slug": "001-night-shift",
        "number": 1,
        "path": "specs/001-night-shift",
        "topology": "single",
        "target_branch": "main",
        "coordination_branch": None,
    }
    names = ["meta.json", "spec.md", "plan.md", "tasks.md", "status.events.jsonl", "status.json", ".gitattributes"]
    assert files == [f"specs/001-night-shift/{name}" for name in names]
    assert sorted(files_of(ports)["001-night-shift"]) == sorted(names)


def test_its_log_is_empty_and_united_line_by_line() -> None:
    ports = world()
    make(ports)
    files = files_of(ports)["001-night-shift"]
    assert files["status.events.jsonl"] == b""
    assert json.loads(files["status.json"])["events"] == 0
    assert b"\nstatus.events.jsonl merge=union\n" in files[".gitattributes"]


def test_a_merge_leaves_its_view_whole() -> None:
    ports = world()
    make(ports)
    assert b"\nstatus.json -merge\n" in files_of(ports)["001-night-shift"][".gitattributes"]


def test_its_meta_says_what_was_asked_for() -> None:
    ports = world({}, commits={"main": COMMIT, "release": COMMIT}, checked_out="work")
    make(ports, " Night\nshift ", target_branch="release", protected_branches=("main", "release", "main"))
    meta = parse_meta(files_of(ports)["001-night-shift"]["meta.json"], "001-night-shift")
    assert ULID.match(meta.mission_id)
    assert (meta.title, meta.created_at, meta.target_branch) == ("Night shift", NOW, "release")
    assert (meta.topology, meta.coordination_branch) == ("single", None)
    assert meta.protected_branches == ["main", "release"]


def test_in_one_repository_nothing_is_committed() -> None:
    ports = world()
    make(ports)
    assert isinstance(ports.router, FakeRouter)
    assert {commit.branch for commit in ports.router.commits} == {None}


def test_meta_comes_last_so_that_what_is_half_made_is_no_mission() -> None:
    ports = world()
    make(ports)
    assert isinstance(ports.router, FakeRouter)
    assert [commit.kind for commit in ports.router.commits] == ["status", "status", "planning", "meta"]


def test_the_log_of_coordination_is_on_a_branch_of_its_own() -> None:
    git = FakeGit(commits={"main": COMMIT})
    ports = fake_ports({}, git=git)
    made = make(ports, topology="coordination")
    assert made["coordination_branch"] == "missions/001-night-shift"
    assert isinstance(ports.router, FakeRouter)
    assert ports.router.begun == ["missions/001-night-shift"]
    on_it = [commit.kind for commit in ports.router.commits if commit.branch == "missions/001-night-shift"]
    assert on_it == ["status", "status"]


def test_a_coordination_branch_that_exists_is_taken() -> None:
    git = FakeGit(commits={"main": COMMIT, "shared": "b" * 40})
    assert make(fake_ports({}, git=git), topology="coordination", coordination_branch="shared")
    assert git.commits == {"main": COMMIT, "shared": "b" * 40}


def test_a_branch_with_that_mission_already_is_not_taken_over() -> None:
    git = FakeGit(commits={"main": COMMIT, "shared": "b" * 40}, paths=frozenset({("b" * 40, "specs/001-night-shift")}))
    error = refusal(fake_ports({}, git=git), topology="coordination", coordination_branch="shared")
    assert error.exit_code == USAGE
    assert "the branch shared has a mission 001-night-shift already: choose another --slug" in str(error)


def test_a_branch_does_not_begin_with_a_mission_of_that_name() -> None:
    git = FakeGit(commits={"main": COMMIT}, paths=frozenset({(COMMIT, "specs/001-night-shift")}))
    error = refusal(fake_ports({}, git=git), topology="coordination")
    assert "the branch main has a mission 001-night-shift already" in str(error)
    assert list(git.commits) == ["main"]


def test_numbers_of_missions_whose_branch_is_here_are_taken() -> None:
    branches = {"main": COMMIT, "missions/042-day": COMMIT, "099-work": COMMIT, "missions/other": COMMIT}
    assert make(world({"003-x": {}}, commits=branches))["mission_slug"] == "043-night-shift"


def test_the_number_is_one_more_than_the_greatest_there_is() -> None:
    numbered = {"003-notes": {"x.md": b""}, "041-day": {}, "12-no": {}, "old": {}, "0999": {}}
    assert make(world(numbered))["mission_slug"] == "042-night-shift"
    assert make(world({"999-x": {}}))["mission_slug"] == "1000-night-shift"


@pytest.mark.parametrize(
    ("title", "slug", "words"),
    [
        ("Größe & Maße, v2!", None, "grosse-masse-v2"),
        ("Don't panic", None, "dont-panic"),
        ("夜勤", "Night shift", "night-shift"),
        ("word " * 30, None, "-".join(["word"] * 12)),
        ("x" * 90, None, "x" * 60),
    ],
)
def test_the_folder_is_called_by_words(title: str, slug: str | None, words: str) -> None:
    assert make(world(), title, slug=slug)["mission_slug"] == f"001-{words}"


@pytest.mark.parametrize(
    ("title", "options", "why"),
    [
        ("夜勤", {}, "give --slug WORDS"),
        ("", {}, "give --slug WORDS"),
        ("x", {"slug": "夜勤"}, "give --slug WORDS"),
        ("x" * 201, {}, "title"),
        ("x", {"coordination_branch": "c"}, "--topology coordination"),
        ("x", {"target_branch": "nowhere"}, "no commit on a branch `nowhere`"),
        ("x", {"topology": "coordination", "coordination_branch": "main"}, "two branches"),
        ("x", {"protected_branches": ("",)}, "protected_branches"),
    ],
)
def test_what_no_mission_can_have_is_refused_before_anything_is_written(
    title: str, options: dict[str, Any], why: str
) -> None:
    error = refusal(world(), title, **options)
    assert (error.code, error.exit_code) == ("InvalidMission", USAGE)
    assert why in str(error)


def test_a_detached_head_has_no_branch_to_merge_into() -> None:
    assert "--target-branch" in str(refusal(world(checked_out=None)))


def test_a_new_repository_may_have_no_commit_yet() -> None:
    assert make(world(commits={}))["target_branch"] == "main"


def test_a_coordination_branch_needs_a_commit_to_begin_from() -> None:
    assert "make a first one" in str(refusal(world(commits={}), topology="coordination"))


def test_a_protected_branch_that_is_not_there_is_told() -> None:
    ports = world()
    make(ports, protected_branches=("main", "mian"))
    assert isinstance(ports.render, FakeRender)
    assert ports.render.notes == ["note: mian is protected, and there is no branch of that name yet"]


def test_people_are_told_what_was_made_and_what_comes_next() -> None:
    ports = world()
    make(ports, topology="coordination", coordination_branch="c")
    assert isinstance(ports.render, FakeRender)
    first, *_, last = ports.render.words[0].splitlines()
    assert first == "made mission 001-night-shift; its log is on the branch c"
    assert "moonmind tasks finalize-tasks" in last
