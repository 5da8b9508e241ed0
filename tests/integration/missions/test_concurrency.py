"""Many writers at once, some of them killed: what one was told is written is there, and nothing is half-made."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest

from moonmind.missions.adapters.fs_reader import TreeReader
from moonmind.missions.adapters.git_cli import GitCli
from moonmind.missions.events import parse_log
from moonmind.missions.meta import Meta, Topology
from tests.contract.missions.repository import LOG, SLUG, SNAPSHOT, Repository, add_mission, make_repository
from tests.integration.missions.writer import INSIDE

PROJECT = Path(__file__).parents[3]
WRITERS, VICTIMS, EACH = 16, 4, 2
SECONDS = 60
STAGES = {
    "single": [
        "files:Files.append",
        "files:_sync_folder",
        "index:UserIndex.replace",
        "index:set_entries",
        "git_objects:_end",
        "git_objects:set_entries",
    ],
    "coordination": ["batch:moving", "git_objects:_end", "git_objects:set_entries"],
}
"""Where a writer is killed: before, between and after the things that it changes."""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(params=get_args(Topology))
def topology(request: pytest.FixtureRequest) -> Topology:
    chosen: Topology = request.param
    return chosen


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return make_repository(tmp_path)


@pytest.fixture
def meta(repository: Repository, topology: Topology) -> Meta:
    return add_mission(repository, {}, topology)


@pytest.fixture
def start(repository: Repository, meta: Meta) -> Iterator[Start]:
    """Starts a writer: number of its first event, how many, where it dies."""
    started: list[subprocess.Popen[str]] = []

    def run(first: int, count: int, *die_at: str) -> subprocess.Popen[str]:
        argv = (sys.executable, "-m", "tests.integration.missions.writer")
        places = (str(repository.root), meta.topology, str(first), str(count), *die_at)
        started.append(subprocess.Popen((*argv, *places), cwd=PROJECT, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def acknowledged(process: subprocess.Popen[str]) -> list[str]:
    """What it has printed since; read on from where its first line was read, which `communicate` would not."""
    assert process.stdout
    output = process.stdout.read()
    process.wait(SECONDS)
    return [line for line in output.split() if line != INSIDE]


def check(repository: Repository, meta: Meta, expected: set[str]) -> list[str]:
    """The ids of the log, which has no broken line, and which the last writer has left in order."""
    reader = TreeReader(GitCli(repository.root))
    ids = [event.event_id for event in parse_log(reader.read(meta, "status", LOG) or b"")]
    assert expected <= set(ids)
    assert len(ids) == len(set(ids))
    assert reader.read(meta, "status", SNAPSHOT) == b"%d\n" % len(ids)
    branch = meta.coordination_branch or "main"
    assert repository.show(f"specs/{SLUG}/{LOG}", branch).count("\n") == len(ids)
    assert repository.is_clean()
    assert repository.git("fsck", "--full", "--strict", "--no-dangling", "--no-progress") == ""
    return ids


def test_nothing_that_was_acknowledged_is_lost(repository: Repository, meta: Meta, start: Start) -> None:
    victims = [start(1000 * (number + 1), 1000) for number in range(VICTIMS)]
    writers = [start(10 * (number + 1), EACH) for number in range(WRITERS - VICTIMS)]
    told = []
    for victim in victims:
        assert victim.stdout
        assert victim.stdout.readline().strip() == INSIDE  # so it is killed while it writes
        victim.kill()
        told += acknowledged(victim)
    for writer in writers:
        told += acknowledged(writer)
    assert [writer.returncode for writer in writers] == [0] * len(writers)
    assert len(told) >= len(writers) * EACH
    told += acknowledged(start(1, 1))
    check(repository, meta, set(told))


@pytest.mark.parametrize(("topology", "stage"), [(name, stage) for name, stages in STAGES.items() for stage in stages])
def test_who_comes_after_a_killed_writer_finds_all_in_order(
    repository: Repository, meta: Meta, start: Start, stage: str
) -> None:
    told = acknowledged(start(10, 1))
    victim = start(20, 1, stage)
    assert acknowledged(victim) == []
    assert victim.returncode == -signal.SIGKILL
    told += acknowledged(start(30, 1))
    assert len(told) == 2
    check(repository, meta, set(told))
