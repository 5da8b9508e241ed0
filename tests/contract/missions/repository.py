"""A git repository with a mission in it, and the same mission in memory."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from moonmind.missions.adapters.commit_router import GitRouter
from moonmind.missions.adapters.fs_reader import TreeReader
from moonmind.missions.adapters.git_cli import GitCli
from moonmind.missions.events import Event
from moonmind.missions.ids import make_ulid
from moonmind.missions.meta import Meta, Topology, encode_meta
from moonmind.missions.ports import CoordCommitRouter, FsReader
from tests.fakes.missions import FakeReader, FakeRouter

SLUG = "007-night-shift"
MISSION = make_ulid(7, 7)
COORDINATION = "missions/007"
LOG = "status.events.jsonl"
SNAPSHOT = "status.json"
SHARED = (LOG, SNAPSHOT, "tasks/WP01-parser/")
"""What begins so lies on the coordination branch where there is one."""


def make_meta(topology: Topology) -> Meta:
    return Meta(
        mission_id=MISSION,
        slug=SLUG,
        title="Night shift",
        created_at="2026-11-21T09:30:00.000000Z",
        topology=topology,
        target_branch="main",
        coordination_branch=COORDINATION if topology == "coordination" else None,
        protected_branches=[],
    )


def make_event(number: int, wp_id: str = "WP01") -> Event:
    return Event(
        event_id=make_ulid(number, number),
        at=f"2026-11-21T09:30:00.{number:06}Z",
        wp_id=wp_id,
        from_lane="planned",
        to_lane="claimed",
        actor="ada",
        force=False,
        reason=None,
        evidence=None,
        review_ref=None,
        review_result=None,
        execution_mode="code_change",
        mission_id=MISSION,
        mission_slug=SLUG,
    )


@dataclass(frozen=True)
class Repository:
    """git as a user has it, told who they are."""

    root: Path

    def git(self, *args: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            ("git", *args), cwd=self.root, input=stdin, capture_output=True, text=True, check=True, env=_environment()
        )
        return done.stdout

    def write(self, path: str, content: bytes) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(content)

    def commit(self, files: Mapping[str, bytes], message: str = "more") -> str:
        for path, content in files.items():
            self.write(path, content)
        self.git("add", "--", *files)
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD").strip()

    def show(self, path: str, revision: str = "HEAD") -> str:
        return self.git("show", f"{revision}:{path}")

    def is_clean(self) -> bool:
        return self.git("status", "--porcelain") == ""


def make_repository(root: Path) -> Repository:
    """One commit on `main`, one file."""
    root.mkdir(parents=True, exist_ok=True)
    repository = Repository(root)
    repository.git("init", "--quiet", "--initial-branch=main")
    repository.git("config", "user.name", "Ada")
    repository.git("config", "user.email", "ada@localhost")
    repository.commit({"README.md": b"A project\n"}, "first")
    return repository


def add_mission(repository: Repository, files: Mapping[str, bytes], topology: Topology) -> Meta:
    """Files below the mission's folder, each where the topology has it, committed."""
    meta = make_meta(topology)
    named = {f"specs/{SLUG}/{path}": content for path, content in {"meta.json": encode_meta(meta), **files}.items()}
    shared = {path: content for path, content in named.items() if topology == "coordination" and _is_shared(path)}
    if topology == "coordination":
        repository.git("checkout", "--quiet", "-b", COORDINATION)
        if shared:
            repository.commit(shared, "shared")
        repository.git("checkout", "--quiet", "main")
    repository.commit({path: content for path, content in named.items() if path not in shared}, "mission")
    return meta


@dataclass(frozen=True)
class World:
    """What a contract test gets. `branch`: where the status of the mission is committed."""

    meta: Meta
    reader: FsReader
    router: CoordCommitRouter
    branch: str


MakeWorld = Callable[[Mapping[str, bytes]], World]


def fake_world(topology: Topology, files: Mapping[str, bytes]) -> World:
    meta = make_meta(topology)
    reader = FakeReader({SLUG: {"meta.json": encode_meta(meta), **files}})
    return World(meta, reader, FakeRouter(reader), meta.coordination_branch or "main")


def real_world(topology: Topology, files: Mapping[str, bytes], root: Path) -> World:
    meta = add_mission(make_repository(root), files, topology)
    git = GitCli(root)
    return World(meta, TreeReader(git), GitRouter(git), meta.coordination_branch or "main")


def _is_shared(path: str) -> bool:
    return path.removeprefix(f"specs/{SLUG}/").startswith(SHARED)


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return {**kept, "LC_ALL": "C", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
