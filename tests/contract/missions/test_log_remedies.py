"""Commands that we tell to bring a log back do bring it back, wherever one stands; and what git does at a merge."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from moonmind.missions.adapters.fs_reader import TreeReader
from moonmind.missions.adapters.git_cli import GitCli
from moonmind.missions.board import read_board
from moonmind.missions.errors import MissionError
from moonmind.missions.events import Event, encode_events
from moonmind.missions.meta import Meta
from moonmind.missions.templates import ATTRIBUTES
from tests.contract.missions.repository import (
    COORDINATION,
    LOG,
    SLUG,
    SNAPSHOT,
    Repository,
    add_mission,
    make_event,
    make_repository,
)

NAME = f"specs/{SLUG}/{LOG}"
EVENTS = [make_event(1), make_event(2)]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return make_repository(tmp_path / "project")


def events_of(repository: Repository, meta: Meta) -> list[Event]:
    return list(read_board(TreeReader(GitCli(repository.root)), meta).events)


def bring_back(repository: Repository, meta: Meta) -> None:
    """As we are told, in a folder of the mission."""
    with pytest.raises(MissionError) as caught:
        events_of(repository, meta)
    assert caught.value.code == "BrokenEventLog"
    folder = repository.root / "specs" / SLUG
    subprocess.run(["/bin/sh", "-c", caught.value.details["command"]], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize("is_committed", [False, True])
def test_a_log_that_was_removed_from_the_working_tree(repository: Repository, is_committed: bool) -> None:
    meta = add_mission(repository, {LOG: encode_events(EVENTS[:1])}, "single")
    repository.commit({NAME: encode_events(EVENTS)})
    (repository.root / NAME).unlink()
    if is_committed:
        repository.git("commit", "-q", "-a", "-m", "gone")
    bring_back(repository, meta)
    assert events_of(repository, meta) == EVENTS


def test_a_log_that_a_merge_had_united(repository: Repository) -> None:
    attributes = {f"specs/{SLUG}/.gitattributes": b"status.events.jsonl merge=union\n"}
    meta = add_mission(repository, {LOG: b""}, "single")
    repository.commit(attributes)
    repository.git("checkout", "-q", "-b", "work")
    repository.commit({NAME: encode_events(EVENTS[:1])})
    repository.git("checkout", "-q", "main")
    repository.commit({NAME: encode_events(EVENTS[1:])})
    repository.git("merge", "-q", "--no-edit", "work")
    repository.git("rm", "-q", NAME)
    repository.git("commit", "-q", "-m", "gone")
    bring_back(repository, meta)
    assert sorted(one.event_id for one in events_of(repository, meta)) == [one.event_id for one in EVENTS]


def test_a_merge_unites_the_logs_and_leaves_a_view_whole(repository: Repository) -> None:
    meta = add_mission(repository, {LOG: b"", ".gitattributes": ATTRIBUTES, SNAPSHOT: b'{\n "at": 0\n}\n'}, "single")
    view = f"specs/{SLUG}/{SNAPSHOT}"
    repository.git("checkout", "-q", "-b", "work")
    repository.commit({NAME: encode_events(EVENTS[:1]), view: b'{\n "at": 1\n}\n'})
    repository.git("checkout", "-q", "main")
    repository.commit({NAME: encode_events(EVENTS[1:]), view: b'{\n "at": 2\n}\n'})
    with pytest.raises(subprocess.CalledProcessError):
        repository.git("merge", "-q", "--no-edit", "work")
    assert (repository.root / view).read_bytes() == b'{\n "at": 2\n}\n'
    repository.git("add", view)
    repository.git("commit", "-q", "--no-edit")
    assert sorted(one.event_id for one in events_of(repository, meta)) == [one.event_id for one in EVENTS]


def test_a_log_that_was_removed_from_the_coordination_branch(repository: Repository) -> None:
    meta = add_mission(repository, {LOG: encode_events(EVENTS)}, "coordination")
    repository.git("checkout", "-q", COORDINATION)
    repository.git("rm", "-q", NAME)
    repository.git("commit", "-q", "-m", "gone")
    repository.git("checkout", "-q", "main")
    bring_back(repository, meta)
    assert events_of(repository, meta) == EVENTS
    assert repository.git("worktree", "list").count("\n") == 1
    assert repository.git("branch", "--show-current") == "main\n"
