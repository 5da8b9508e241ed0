"""What missions need of the world, in memory, with the same promises as the real adapters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from moonmind.missions.errors import MissionError
from moonmind.missions.events import Event, encode_events
from moonmind.missions.meta import Meta
from moonmind.missions.placement import Kind, Policy, place_of
from moonmind.missions.ports import Edit, Ports

Files = dict[str, dict[str, bytes]]
"""By the mission's folder and the path below it."""

LOG = "status.events.jsonl"
SNAPSHOT = "status.json"


class FakeReader:
    """`ports.FsReader` over a dict; working tree and coordination branch are one. `unreadable`: folders whose
    `meta.json` is."""

    def __init__(self, files: Files | None = None) -> None:
        self.files: Files = {} if files is None else files
        self.unreadable: set[str] = set()

    def folders(self) -> Sequence[str]:
        return sorted(self.files)

    def read(self, meta: Meta, kind: Kind, path: str) -> bytes | None:
        _check(path)
        return self.files.get(meta.slug, {}).get(path)

    def names(self, meta: Meta, kind: Kind, folder: str) -> Sequence[str]:
        _check(folder)
        inside = (path.rpartition("/") for path in self.files.get(meta.slug, {}))
        return sorted(name for where, _, name in inside if where == folder and not name.startswith("."))

    def read_meta(self, folder: str) -> bytes | None:
        if folder in self.unreadable:
            raise MissionError("FileRefused", "it cannot be read")
        return self.files.get(folder, {}).get("meta.json")


@dataclass(frozen=True, slots=True)
class FakeCommit:
    """One call that changed something. `branch`: None for files that were written and not committed."""

    branch: str | None
    kind: Kind
    policy: Policy
    paths: tuple[str, ...]
    message: str | None = None
    events: tuple[Event, ...] = ()


class FakeRouter:
    """`ports.CoordCommitRouter` that changes what a `FakeReader` reads. `commits`: what was asked, in order."""

    def __init__(self, reader: FakeReader, branch: str = "main") -> None:
        self.reader, self.branch = reader, branch
        self.commits: list[FakeCommit] = []
        self.asked: list[tuple[Meta, Mapping[str, bytes], FakeCommit]] = []
        self.is_exclusive = False
        self.begun: list[str] = []

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        if self.is_exclusive:
            raise RuntimeError("there is one writer already: this one")
        self.is_exclusive = True
        try:
            yield
            for one in self.asked:
                self._write(*one)
        finally:
            self.is_exclusive = False
            self.asked = []

    def begin(self, meta: Meta) -> None:
        if not self.is_exclusive:
            raise RuntimeError("write inside `exclusive()`")
        if meta.coordination_branch:
            self.begun.append(meta.coordination_branch)

    def commit_status(self, meta: Meta, events: Sequence[Event], snapshot: bytes, *, policy: Policy) -> None:
        branch = self._branch(meta, "status", policy)
        files = self.reader.files.setdefault(meta.slug, {})
        log = files.get(LOG, b"")
        if log and not log.endswith(b"\n"):
            raise MissionError("BrokenEventLog", f"the last line of {LOG} is not ended")
        changes = {LOG: log + encode_events(events), SNAPSHOT: snapshot}
        self.asked.append((meta, changes, FakeCommit(branch, "status", policy, (), events=tuple(events))))

    def commit_artifact(
        self, meta: Meta, edits: Mapping[str, Edit], message: str, *, kind: Kind, policy: Policy
    ) -> None:
        branch = self._branch(meta, kind, policy)
        for path in edits:
            _check(path)
        files = self.reader.files.setdefault(meta.slug, {})
        changes = {path: edit(files.get(path, b"")) for path, edit in edits.items()}
        self.asked.append((meta, changes, FakeCommit(branch, kind, policy, (), message=message)))

    def _branch(self, meta: Meta, kind: Kind, policy: Policy) -> str | None:
        if not self.is_exclusive:
            raise RuntimeError("write inside `exclusive()`")
        if place_of(kind, meta.topology) == "coordination":
            return meta.coordination_branch
        if policy in ("skip", "refuse"):
            raise MissionError("NotWritten", f"nothing is written with the policy `{policy}`")
        return self.branch if policy == "commit" else None

    def _write(self, meta: Meta, changes: Mapping[str, bytes], call: FakeCommit) -> None:
        files = self.reader.files[meta.slug]
        changed = {path: content for path, content in changes.items() if files.get(path) != content}
        if not changed:
            return
        files.update(changed)
        paths = tuple(f"specs/{meta.slug}/{path}" for path in changed)
        self.commits.append(FakeCommit(call.branch, call.kind, call.policy, paths, call.message, call.events))


@dataclass
class FakeGit:
    """`ports.GitOps` that answers what it was given. `commits`: by branch or revision. `changed`: by (old, new).
    `ancestors`: pairs (commit, of), as the question is asked. `dirty_elsewhere`: by branch, in other working trees that
    have it checked out. `paths`: pairs (commit, path). `times`: of branches' newest commits."""

    top: str = "/repository"
    checked_out: str | None = "main"
    commits: dict[str, str] = field(default_factory=dict)
    dirty: Sequence[str] = ()
    dirty_elsewhere: Mapping[str, Sequence[str]] = field(default_factory=dict)
    changed: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)
    ancestors: frozenset[tuple[str, str]] = frozenset()
    paths: frozenset[tuple[str, str]] = frozenset()
    times: Mapping[str, str] = field(default_factory=dict)
    user: str | None = "Ada"

    def root(self) -> str:
        return self.top

    def branch(self) -> str | None:
        return self.checked_out

    def commit_of(self, name: str) -> str | None:
        return self.commits.get(name)

    def branches(self) -> Sequence[str]:
        return [name for name in self.commits if name != "HEAD"]

    def has_path(self, commit: str, path: str) -> bool:
        return (self.commits.get(commit, commit), path) in self.paths

    def uncommitted(self, patterns: Sequence[str], *, branch: str | None = None) -> Sequence[str]:
        matched = [_glob(pattern) for pattern in patterns]
        dirty = self.dirty if branch is None else self.dirty_elsewhere.get(branch, self.dirty)
        return sorted(path for path in dirty if any(one.fullmatch(path) for one in matched))

    def changed_between(self, old: str, new: str) -> Sequence[str]:
        return sorted(self.changed.get((old, new), ()))

    def is_ancestor(self, commit: str, of: str) -> bool:
        return commit == of or (commit, of) in self.ancestors

    def last_commit_at(self, branch: str) -> str | None:
        return self.times.get(branch)

    def user_name(self) -> str | None:
        return self.user


@dataclass
class FakeRender:
    """`ports.Render` that keeps everything; the words of people too."""

    documents: list[Mapping[str, Any]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def answer(self, document: Mapping[str, Any], words: Callable[[], str]) -> None:
        self.documents.append(document)
        self.words.append(words())

    def note(self, text: str) -> None:
        self.notes.append(text)


def fake_ports(files: Files | None = None, *, git: FakeGit | None = None) -> Ports:
    """All four; `commits` go to what `git` has checked out."""
    git = git or FakeGit()
    reader = FakeReader(files)
    return Ports(reader, FakeRouter(reader, git.checked_out or "HEAD"), git, FakeRender())


def _check(path: str) -> None:
    if {"", ".", ".."} & set(path.split("/")):
        raise MissionError("UnsafePath", f"{path!r} is no path below the mission's folder")


def _glob(pattern: str) -> re.Pattern[str]:
    """As git's `:(glob)`, for patterns of `*` and `**`; a folder matches what is below it."""
    tokens = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    parts = re.split(r"(\*\*/|\*\*|\*)", pattern.rstrip("/"))
    return re.compile("".join(tokens.get(part, re.escape(part)) for part in parts) + "(?:/.*)?")
