"""Writes to where the placement says: a commit on the coordination branch, or the working tree, committed or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from moonmind.missions.adapters.files import Files, check_ended, checked
from moonmind.missions.adapters.fs_reader import MISSIONS
from moonmind.missions.adapters.git_cli import GitCli
from moonmind.missions.errors import MissionError
from moonmind.missions.events import Event, encode_events
from moonmind.missions.meta import Meta
from moonmind.missions.placement import Kind, Policy, place_of
from moonmind.missions.ports import Edit

if TYPE_CHECKING:
    from moonmind.missions.adapters.batch import Batch, BranchChanges, TreeChanges

LOCK = "moonmind-missions.lock"
"""In the folder that all working trees of the repository share."""
LOG = "status.events.jsonl"
SNAPSHOT = "status.json"


class GitRouter:
    """`ports.CoordCommitRouter` over one working tree. What it needs to write is imported when it writes: commands that
    read have a router too."""

    def __init__(self, git: GitCli) -> None:
        self._git = git
        self._files = Files(git.places.root)
        self._batch: Batch | None = None

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Not twice at a time."""
        from moonmind.missions.adapters.batch import Batch
        from moonmind.missions.adapters.lock import locked

        if self._batch is not None:
            raise RuntimeError("there is one writer already: this one")
        with locked(f"{self._git.places.common_dir}/{LOCK}") as fd:
            self._git.process.held, self._batch = fd, Batch(self._git, self._files)
            try:
                yield
                self._batch.write()
            finally:
                self._git.process.held = self._batch = None

    def begin(self, meta: Meta) -> None:
        """The branch is made from the target branch by the commit of what is asked for."""
        if place_of("status", meta.topology) == "coordination":
            self._on_branch(meta, f"{meta.slug}: begun\n", begins=True)

    def commit_status(self, meta: Meta, events: Sequence[Event], snapshot: bytes, *, policy: Policy) -> None:
        """What is committed of the log is all of it, so that it agrees with the snapshot beside it."""
        changes = self._changes(meta, "status", policy, f"{meta.slug}: {_told(events)}\n")
        log, view = f"{MISSIONS}/{meta.slug}/{LOG}", f"{MISSIONS}/{meta.slug}/{SNAPSHOT}"
        changes.append(log, _ended(log, changes.read(log)), encode_events(events))
        changes.replace({view: snapshot})

    def commit_artifact(
        self, meta: Meta, edits: Mapping[str, Edit], message: str, *, kind: Kind, policy: Policy
    ) -> None:
        """Each edit is applied once to every version of its file that is changed."""
        named = {f"{MISSIONS}/{meta.slug}/{checked(path)}": edit for path, edit in edits.items()}
        changes = self._changes(meta, kind, policy, f"{message}\n")
        changes.edit(named)

    def _changes(self, meta: Meta, kind: Kind, policy: Policy, message: str) -> TreeChanges | BranchChanges:
        if place_of(kind, meta.topology) == "coordination":
            return self._on_branch(meta, message)
        if policy in ("skip", "refuse"):
            raise MissionError("NotWritten", f"nothing is written with the policy `{policy}`")
        return self._asked().in_tree(policy, message)

    def _on_branch(self, meta: Meta, message: str, *, begins: bool = False) -> BranchChanges:
        from moonmind.missions.adapters.coordination import coordination_of

        return self._asked().on_branch(coordination_of(self._git, meta), message, begins=begins)

    def _asked(self) -> Batch:
        if self._batch is None:
            raise RuntimeError("write inside `exclusive()`")
        return self._batch


def _ended(name: str, log: bytes | None) -> bytes:
    check_ended(name, log or b"")
    return log or b""


def _told(events: Sequence[Event]) -> str:
    """`WP01 planned → in_progress, WP02 subtasks`. Without events a mission begins."""
    first = {event.wp_id: event.from_lane for event in reversed(events)}
    last = {event.wp_id: event.to_lane for event in events}
    told = (f"{wp} subtasks" if first[wp] == last[wp] else f"{wp} {first[wp]} → {last[wp]}" for wp in last)
    return ", ".join(told) or "begun"
