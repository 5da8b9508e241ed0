"""One suite over the fake and the real reader and router, in both topologies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from moonmind.missions.errors import MissionError
from moonmind.missions.events import encode_events, parse_log
from moonmind.missions.meta import Topology, parse_meta
from moonmind.missions.placement import Kind, Policy
from tests.contract.missions.repository import (
    LOG,
    SLUG,
    SNAPSHOT,
    MakeWorld,
    World,
    fake_world,
    make_event,
    real_world,
)

PACKAGE = "tasks/WP01-parser.md"
REVIEW = "tasks/WP01-parser/review-cycle-1.md"


@pytest.fixture(params=["fake", "real"])
def is_real(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "real")


@pytest.fixture(params=get_args(Topology))
def make(request: pytest.FixtureRequest, is_real: bool, tmp_path: Path) -> MakeWorld:
    topology: Topology = request.param
    return lambda files: real_world(topology, files, tmp_path) if is_real else fake_world(topology, files)


@pytest.fixture
def single(is_real: bool, tmp_path: Path) -> MakeWorld:
    return lambda files: real_world("single", files, tmp_path) if is_real else fake_world("single", files)


@pytest.fixture
def coordination(is_real: bool, tmp_path: Path) -> MakeWorld:
    return lambda files: real_world("coordination", files, tmp_path) if is_real else fake_world("coordination", files)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(MissionError) as caught:
        call()
    return caught.value.code


def test_folders_are_named_whether_missions_or_not(make: MakeWorld) -> None:
    world = make({})
    assert list(world.reader.folders()) == [SLUG]


def test_the_meta_is_read_from_its_folder(make: MakeWorld) -> None:
    world = make({})
    assert parse_meta(world.reader.read_meta(SLUG) or b"", SLUG) == world.meta
    assert world.reader.read_meta("008-none") is None


@pytest.mark.parametrize(("kind", "path"), [("planning", "tasks.md"), ("status", LOG), ("review", REVIEW)])
def test_each_kind_is_read_where_it_lies(make: MakeWorld, kind: Kind, path: str) -> None:
    world = make({path: b"x\r\n\xff"})
    assert world.reader.read(world.meta, kind, path) == b"x\r\n\xff"
    assert world.reader.read(world.meta, kind, f"{path}.none") is None
    assert world.reader.read(world.meta, kind, f"none/{path}") is None


@pytest.mark.parametrize(("kind", "folder"), [("package", "tasks"), ("review", "tasks/WP01-parser")])
def test_names_are_those_of_files_sorted_without_hidden_ones(make: MakeWorld, kind: Kind, folder: str) -> None:
    world = make({f"{folder}/{name}": b"" for name in ("b.md", "a.md", ".hidden", "below/c.md")})
    assert list(world.reader.names(world.meta, kind, folder)) == ["a.md", "b.md"]
    assert list(world.reader.names(world.meta, kind, f"{folder}/none")) == []


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a//b", "tasks/../../x", ""])
def test_a_path_out_of_the_mission_is_refused(make: MakeWorld, path: str) -> None:
    world = make({})
    assert refusal(lambda: world.reader.read(world.meta, "planning", path)) == "UnsafePath"
    assert refusal(lambda: world.reader.names(world.meta, "review", path)) == "UnsafePath"
    assert refusal(lambda: edit(world, {path: b"x"})) == "UnsafePath"


def edit(world: World, contents: dict[str, bytes], kind: Kind = "package") -> None:
    edits = {path: lambda before, more=content: before + more for path, content in contents.items()}
    with world.router.exclusive():
        world.router.commit_artifact(world.meta, edits, "words", kind=kind, policy="commit")


def test_events_are_added_and_the_snapshot_replaced(make: MakeWorld) -> None:
    world = make({LOG: encode_events([make_event(1)]), SNAPSHOT: b"old"})
    with world.router.exclusive():
        world.router.commit_status(world.meta, [make_event(2), make_event(3)], b"new", policy="commit")
        assert world.reader.read(world.meta, "status", SNAPSHOT) == b"old", "nothing is written before the block ends"
    log = world.reader.read(world.meta, "status", LOG) or b""
    assert parse_log(log) == [make_event(1), make_event(2), make_event(3)]
    assert world.reader.read(world.meta, "status", SNAPSHOT) == b"new"


def test_the_first_event_makes_the_log(make: MakeWorld) -> None:
    world = make({})
    with world.router.exclusive():
        world.router.commit_status(world.meta, [make_event(1)], b"new", policy="commit")
    assert world.reader.read(world.meta, "status", LOG) == encode_events([make_event(1)])


def test_a_log_that_does_not_end_is_not_added_to(make: MakeWorld) -> None:
    world = make({LOG: b"{", SNAPSHOT: b"old"})
    with world.router.exclusive():
        code = refusal(lambda: world.router.commit_status(world.meta, [make_event(1)], b"new", policy="commit"))
    assert code == "BrokenEventLog"
    assert world.reader.read(world.meta, "status", LOG) == b"{"
    assert world.reader.read(world.meta, "status", SNAPSHOT) == b"old"


def test_what_is_kept_is_written_and_not_committed(single: MakeWorld) -> None:
    world = single({PACKAGE: b"a\n"})
    with world.router.exclusive():
        world.router.commit_status(world.meta, [make_event(1)], b"new", policy="keep")
        edits = {PACKAGE: lambda before: before + b"b\n"}
        world.router.commit_artifact(world.meta, edits, "words", kind="package", policy="keep")
    assert world.reader.read(world.meta, "status", SNAPSHOT) == b"new"
    assert world.reader.read(world.meta, "package", PACKAGE) == b"a\nb\n"


@pytest.mark.parametrize("policy", ["skip", "refuse"])
def test_what_the_caller_must_not_write_is_refused(single: MakeWorld, policy: Policy) -> None:
    world = single({PACKAGE: b"a\n"})
    edits = {PACKAGE: lambda before: before + b"b\n"}
    with world.router.exclusive():
        codes = [
            refusal(lambda: world.router.commit_status(world.meta, [make_event(1)], b"new", policy=policy)),
            refusal(lambda: world.router.commit_artifact(world.meta, edits, "words", kind="package", policy=policy)),
        ]
    assert codes == ["NotWritten", "NotWritten"]
    assert world.reader.read(world.meta, "status", LOG) is None
    assert world.reader.read(world.meta, "package", PACKAGE) == b"a\n"


def test_the_policy_is_not_about_the_coordination_branch(coordination: MakeWorld) -> None:
    world = coordination({REVIEW: b"1\n"})
    edits = {REVIEW: lambda before: before + b"2\n"}
    with world.router.exclusive():
        world.router.commit_status(world.meta, [make_event(1)], b"new", policy="skip")
        world.router.commit_artifact(world.meta, edits, "words", kind="review", policy="skip")
    assert parse_log(world.reader.read(world.meta, "status", LOG) or b"") == [make_event(1)]
    assert world.reader.read(world.meta, "review", REVIEW) == b"1\n2\n"


@pytest.mark.parametrize(("kind", "path"), [("package", PACKAGE), ("review", REVIEW)])
def test_an_artifact_is_edited_or_made(make: MakeWorld, kind: Kind, path: str) -> None:
    world = make({path: b"a\n"})
    edit(world, {path: b"b\n"}, kind)
    edit(world, {f"{path}.new": b"c\n"}, kind)
    assert world.reader.read(world.meta, kind, path) == b"a\nb\n"
    assert world.reader.read(world.meta, kind, f"{path}.new") == b"c\n"


@pytest.mark.parametrize(("kind", "path"), [("package", PACKAGE), ("review", REVIEW)])
def test_an_edit_that_fails_changes_no_file(make: MakeWorld, kind: Kind, path: str) -> None:
    world = make({path: b"a\n"})

    def fail(before: bytes) -> bytes:
        raise MissionError("BrokenFrontMatter", "no")

    edits = {f"{path}.new": lambda before: b"new", path: fail}

    def write() -> None:
        with world.router.exclusive():
            world.router.commit_status(world.meta, [make_event(1)], b"new", policy="commit")
            world.router.commit_artifact(world.meta, edits, "words", kind=kind, policy="commit")

    assert refusal(write) == "BrokenFrontMatter"
    assert world.reader.read(world.meta, kind, f"{path}.new") is None
    assert world.reader.read(world.meta, "status", SNAPSHOT) is None


def test_writing_needs_to_be_the_only_writer(make: MakeWorld) -> None:
    world = make({})
    with pytest.raises(RuntimeError):
        world.router.commit_status(world.meta, [make_event(1)], b"new", policy="commit")
    with pytest.raises(RuntimeError):
        world.router.commit_artifact(world.meta, {}, "words", kind="package", policy="commit")
    with world.router.exclusive(), pytest.raises(RuntimeError), world.router.exclusive():
        pass
