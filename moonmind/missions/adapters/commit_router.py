"""Writes to where the placement says: a commit on the coordination branch, or the working tree, committed or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from moonmind.missions.adapters.files import Files, check_ended, checked
from moonmind.missions.adapters.fs_reader import MISSIONS
from moonmind.missions.adapters.git_cli import GitCli
from moonmind.missions.errors import MissionError
from moonmind.missions.events import Event, encode_events
from moonmind.missions.meta import Meta
from moonmind.missions.placement import Kind, Policy, place_of
from moonmind.missions.ports import Edit, Written

if TYPE_CHECKING:
    from moonmind.missions.adapters.coordination import CoordinationBranch
    from moonmind.missions.adapters.tree_commit import Wanted

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

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Not twice at a time."""
        from moonmind.missions.adapters.lock import locked

        if self._git.process.held is not None:
            raise RuntimeError("there is one writer already: this one")
        with locked(f"{self._git.places.common_dir}/{LOCK}") as fd:
            self._git.process.held = fd
            try:
                yield
            finally:
                self._git.process.held = None

    def check_writable(self, meta: Meta) -> None:
        """Whatever the topology, `meta.json` lies in the working tree."""
        self._files.check_target(f"{MISSIONS}/{meta.slug}/meta.json")
        if place_of("status", meta.topology) == "coordination":
            self._coordination(meta).check_writable()

    def commit_status(self, meta: Meta, events: Sequence[Event], snapshot: bytes, *, policy: Policy) -> Written:
        """What is committed of the log is all of it, so that it agrees with the snapshot beside it."""
        self._check_exclusive()
        lines = encode_events(events)
        log, view = f"{MISSIONS}/{meta.slug}/{LOG}", f"{MISSIONS}/{meta.slug}/{SNAPSHOT}"
        message = f"{meta.slug}: {_told(events)}\n"
        if place_of("status", meta.topology) == "coordination":
            branch = self._coordination(meta)
            base = branch.head()
            contents = {log: _appended(log, branch.read_at(base, log), lines), view: snapshot}
            return _written(branch, branch.commit(base, contents, message), list(contents))
        contents = {log: _appended(log, self._files.read(log), lines), view: snapshot}
        wanted = {path: _wanted(content) for path, content in contents.items()}
        with self._committing(policy, wanted, message) as commits, self._files.replacing({view: snapshot}):
            self._files.append(log, lines)
        return Written(commits, list(contents))

    def commit_artifact(
        self, meta: Meta, edits: Mapping[str, Edit], message: str, *, kind: Kind, policy: Policy
    ) -> Written:
        """Each edit is applied once to every version of its file that is changed."""
        self._check_exclusive()
        named = {f"{MISSIONS}/{meta.slug}/{checked(path)}": edit for path, edit in edits.items()}
        if place_of(kind, meta.topology) == "coordination":
            branch = self._coordination(meta)
            base = branch.head()
            before = {path: branch.read_at(base, path) for path in named}
            changed = _changed(before, named)
            return _written(branch, branch.commit(base, changed, f"{message}\n"), list(changed))
        before = {path: self._files.read(path) for path in named}
        changed = _changed(before, named)
        wanted = {path: _wanted(changed.get(path, before[path] or b""), edit) for path, edit in named.items()}
        with self._committing(policy, wanted, f"{message}\n") as commits, self._files.replacing(changed):
            pass
        return Written(commits, list(changed))

    @contextmanager
    def _committing(self, policy: Policy, wanted: Mapping[str, Wanted], message: str) -> Iterator[Mapping[str, str]]:
        """By branch, what is committed as the block ends; the block writes the files."""
        from moonmind.missions.adapters.tree_commit import committing

        if policy in ("skip", "refuse"):
            raise MissionError("NotWritten", f"nothing is written with the policy `{policy}`")
        with ExitStack() as stack:
            commit = None
            if policy == "commit":
                branch = self._checked_out()
                commit = stack.enter_context(committing(self._git, branch, wanted, message))
            yield {branch: commit} if commit else {}

    def _checked_out(self) -> str:
        if branch := self._git.branch():
            return branch
        raise MissionError(
            "DetachedHead",
            "no branch is checked out, so a commit would be lost: check one out, or use --no-auto-commit",
        )

    def _coordination(self, meta: Meta) -> CoordinationBranch:
        from moonmind.missions.adapters.coordination import coordination_of

        return coordination_of(self._git, meta)

    def _check_exclusive(self) -> None:
        if self._git.process.held is None:
            raise RuntimeError("write inside `exclusive()`")


def _wanted(content: bytes, edit: Edit | None = None) -> Wanted:
    from moonmind.missions.adapters.tree_commit import Wanted

    return Wanted(content, edit)


def _appended(name: str, log: bytes | None, lines: bytes) -> bytes:
    check_ended(name, log or b"")
    return (log or b"") + lines


def _changed(before: Mapping[str, bytes | None], edits: Mapping[str, Edit]) -> dict[str, bytes]:
    """What the edits make of it, of those files that they change. One that is not there yet is made, even if empty."""
    after = {path: edit(before[path] or b"") for path, edit in edits.items()}
    return {path: content for path, content in after.items() if content != before[path]}


def _written(branch: CoordinationBranch, commit: str | None, paths: Sequence[str]) -> Written:
    return Written({branch.name: commit}, paths) if commit else Written({}, ())


def _told(events: Sequence[Event]) -> str:
    """`WP01 planned → in_progress, WP02 subtasks`. Without events a mission begins."""
    first = {event.wp_id: event.from_lane for event in reversed(events)}
    last = {event.wp_id: event.to_lane for event in events}
    told = (f"{wp} subtasks" if first[wp] == last[wp] else f"{wp} {first[wp]} → {last[wp]}" for wp in last)
    return ", ".join(told) or "begun"
