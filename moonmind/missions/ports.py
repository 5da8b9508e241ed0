"""What a command needs of the world. Reading and writing of what is coordinated are two authorities, never one port."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import msgspec

from moonmind.missions.events import Event
from moonmind.missions.meta import Meta
from moonmind.missions.placement import Kind, Policy

Edit = Callable[[bytes], bytes]
"""From a file's content to its new one; `b""` where there is none yet. Applied to the file in the working tree, and to
the last commit's when it is committed, so that what somebody else changed there is not taken along."""


class FsReader(Protocol):
    """READ authority: each artifact from where the placement says. Paths are below the mission's folder, with `/`."""

    def folders(self) -> Sequence[str]:
        """Names of the folders below `specs/`, sorted; with or without a `meta.json`, but none that cannot be one of a
        path below the repository."""
        ...

    def read(self, meta: Meta, kind: Kind, path: str) -> bytes | None:
        """A file's content; None when there is none. Raises MissionError for one that is no file, or over 256 MiB."""
        ...

    def names(self, meta: Meta, kind: Kind, folder: str) -> Sequence[str]:
        """Names of the files in a folder (`tasks`, `tasks/WP01-name`), sorted, without hidden ones; empty when there
        is none."""
        ...

    def read_meta(self, folder: str) -> bytes | None:
        """`meta.json` of a folder; None when there is no file of that name. Raises MissionError for one that cannot be
        read."""
        ...


class CoordCommitRouter(Protocol):
    """WRITE authority, with two capabilities that never stand for each other."""

    def exclusive(self) -> AbstractContextManager[None]:
        """One writer a repository inside the block. Read, decide and write inside it: to write outside of one is a
        RuntimeError. What is asked for inside is done as the block ends well, as one commit a branch, or not at all.
        Raises MissionError `Busy` when another writer does not end in time."""
        ...

    def begin(self, meta: Meta) -> None:
        """Of a new mission: where its coordination branch is not there, it is made with the first commit."""
        ...

    def commit_status(self, meta: Meta, events: Sequence[Event], snapshot: bytes, *, policy: Policy) -> None:
        """Append events and replace `status.json`, durably and read back: to the coordination branch where the topology
        has one, whatever the policy, else to the working tree (`commit` commits both files there, whole)."""
        ...

    def commit_artifact(
        self, meta: Meta, edits: Mapping[str, Edit], message: str, *, kind: Kind, policy: Policy
    ) -> None:
        """Change files of one kind (paths as in `FsReader`). The policy is about the working tree; there `skip` and
        `refuse` are the caller's: MissionError. What an edit leaves as it is, is not written."""
        ...


class GitOps(Protocol):
    """What the local repository knows. Branches and commits are names that git takes."""

    def root(self) -> str:
        """The working tree's top folder, absolute."""
        ...

    def branch(self) -> str | None:
        """What is checked out; None when HEAD is detached."""
        ...

    def commit_of(self, name: str) -> str | None:
        """The commit that a branch or revision names."""
        ...

    def branches(self) -> Sequence[str]:
        """Names of the local branches."""
        ...

    def has_path(self, commit: str, path: str) -> bool:
        """Whether a commit has a file or folder of that name, from the repository's top."""
        ...

    def uncommitted(self, patterns: Sequence[str], *, branch: str | None = None) -> Sequence[str]:
        """Files that differ from the last commit or are not in it, of those that match (git's glob pathspecs): in the
        working tree that has `branch` checked out, and in this one when none has."""
        ...

    def changed_between(self, old: str, new: str) -> Sequence[str]:
        """Files that `new` changed since it left `old` (three dots)."""
        ...

    def is_ancestor(self, commit: str, of: str) -> bool:
        """True when `commit` is contained in `of`."""
        ...

    def last_commit_at(self, branch: str) -> str | None:
        """When its newest commit was made, as in events; None when there is no such branch."""
        ...

    def user_name(self) -> str | None:
        """Who acts when nobody is named: git's `user.name`."""
        ...


class Render(Protocol):
    """What the caller sees: one JSON document, or words."""

    def answer(self, document: Mapping[str, Any], words: Callable[[], str]) -> None:
        """The result. `words`: the same for people, made only when it is shown."""
        ...

    def note(self, text: str) -> None:
        """Something for people besides the result, to stderr, also with `--json`."""
        ...


class Ports(msgspec.Struct, frozen=True):
    """The four together, as a helper gets them."""

    reader: FsReader
    router: CoordCommitRouter
    git: GitOps
    render: Render
