"""Where a verified change goes: nowhere, on the checked-out branch, or on a branch of its own.

A commit is HEAD with the run's own lines, made beside the workspace and beside the user's index: a user's uncommitted
work is never part of it, in the same files neither. Bytes are committed as they are on disk. Where git converts a file
(line ends, LFS) the versions have nothing in common, which ends as a conflict and never as a wrong commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from moonmind.engine.failpoints import hit
from moonmind.schemas.workflow_models import FileChange
from moonmind.utils.text import printable
from moonmind.workflows.orchestrator.edits.carry import carry
from moonmind.workflows.orchestrator.git_index import IndexFile, IndexLock, read_index
from moonmind.workflows.orchestrator.git_repository import (
    HEAD,
    Entry,
    Repository,
    not_possible,
    open_repository,
    read_file,
)
from moonmind.workflows.orchestrator.ports import DeliveredChange, DeliveredFile, Execute, StepFailedError

TRIES = 5
"""Commits that somebody else may make while ours is made, before it is given up."""
NEW_FILE_MODE = "100644"
UNDER_WAY = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "sequencer": "cherry-pick",
    "BISECT_LOG": "bisect",
}
"""What git keeps in its folder while it is in the middle of something."""


@dataclass(frozen=True, slots=True)
class NoDelivery:
    """`leave`: the change stays in the workspace, uncommitted."""

    def check(self, execute: Execute, changes: Sequence[FileChange]) -> None:
        """Nothing to refuse."""

    def deliver(self, execute: Execute, change: DeliveredChange) -> str:
        """Nothing to do."""
        return "the change stays in the workspace, uncommitted"


@dataclass(frozen=True, slots=True)
class CommitDelivery:
    """`commit`: on the checked-out branch. The user's index follows, so that what is staged stays staged."""

    workspace: Path

    def check(self, execute: Execute, changes: Sequence[FileChange]) -> None:
        """Refuse a HEAD that is no branch, git in the middle of something, and files that HEAD does not have."""
        with open_repository(execute, self.workspace) as repository:
            _check_files(repository, changes)
            _checked_out(repository)
            if index := read_index(repository.git_dir):
                repository.index_entries(repository.copy_index(index), [change.path for change in changes])

    def deliver(self, execute: Execute, change: DeliveredChange) -> str:
        """Commit once; somebody else's commit in between is built upon."""
        with open_repository(execute, self.workspace) as repository:
            for _ in range(TRIES):
                with IndexLock(repository.git_dir) as lock:
                    if said := _commit(repository, lock, change):
                        return said
        raise StepFailedError("delivery_failed", f"the branch moved {TRIES} times, or git refuses to move it: {LEFT}")


@dataclass(frozen=True, slots=True)
class BranchDelivery:
    """`branch`: on `moonmind/<run>`, made from HEAD. What is checked out, and the index, stay as they are."""

    workspace: Path

    def check(self, execute: Execute, changes: Sequence[FileChange]) -> None:
        """Refuse files that HEAD does not have, and a branch whose name leaves no room for ours."""
        with open_repository(execute, self.workspace) as repository:
            _check_files(repository, changes)
            if repository.commit_of("refs/heads/moonmind"):
                raise not_possible("a branch `moonmind` is in the way of branches `moonmind/…`: rename it")

    def deliver(self, execute: Execute, change: DeliveredChange) -> str:
        """Make the branch once."""
        name = f"moonmind/{change.run_id.hex[:8]}"
        ref = f"refs/heads/{name}"
        with open_repository(execute, self.workspace) as repository:
            if repository.commit_of(ref) is None:
                head = repository.head()
                commit = repository.commit(change, _entries(repository, head, change), head)
                if commit is None:
                    return f"nothing to commit: {head[:10]} has the change already"
                hit("delivery.before_move")
                repository.move(ref, commit, None, change.run_id)
            if found := repository.commit_of_run(change, ref):
                return f"committed {found[:10]} to the branch {name}"
        raise StepFailedError("delivery_failed", f"the branch {name} is not this run's, or cannot be made: {LEFT}")


LEFT = "the change stays in the workspace, uncommitted"


def _check_files(repository: Repository, changes: Sequence[FileChange]) -> None:
    in_head = repository.tree_entries(repository.head(), [change.path for change in changes])
    for change in changes:
        if change.before_sha256 is not None and change.path not in in_head:
            raise not_possible(f"{change.path} is not in the last commit: commit it first")
        if change.before_sha256 is None and change.path in in_head:
            raise not_possible(f"{change.path} is removed, but not committed as removed: commit or restore it first")
        if change.before_sha256 is None and repository.is_ignored(change.path):
            raise not_possible(f"{change.path} would be a new file that git is told to ignore")


def _checked_out(repository: Repository) -> str:
    """The branch that a commit goes to."""
    for name, doing in UNDER_WAY.items():
        if (repository.git_dir / name).exists():
            raise not_possible(f"a {doing} is under way in the repository: end it first")
    if branch := repository.branch():
        return branch
    raise not_possible('no branch is checked out, so a commit would be lost: check one out, or set delivery = "branch"')


def _commit(repository: Repository, lock: IndexLock, change: DeliveredChange) -> str | None:
    """One try; None when HEAD moved meanwhile.

    The index goes first: after a crash in between, the change is staged, and trying again finds it so.
    """
    branch, head = printable(_checked_out(repository)), repository.head()
    if found := repository.commit_of_run(change, HEAD):
        return f"committed {found[:10]} to {branch}"
    commit = repository.commit(change, _entries(repository, head, change), head)
    if commit is None:
        return f"nothing to commit: {branch} has the change already"
    index = lock.read()
    if index is not None:
        _follow(repository, lock, index, change)
    hit("delivery.before_move")
    if repository.move(HEAD, commit, head, change.run_id):
        return f"committed {commit[:10]} to {branch}"
    if index is not None:
        lock.replace(index.content, index.status)
    return None


def _entries(repository: Repository, head: str, change: DeliveredChange) -> dict[str, Entry]:
    """What the commit has in place of HEAD's entries."""
    in_head = repository.tree_entries(head, [file.path for file in change.files])
    return {file.path: _changed(repository, file, in_head.get(file.path)) for file in change.files}


def _changed(repository: Repository, file: DeliveredFile, entry: Entry | None) -> Entry:
    if (entry is None) != (file.before is None):
        raise _conflict(f"{file.path} was added or removed in the repository while the run was on")
    if entry is None:
        return Entry(NEW_FILE_MODE, repository.store(file.after))
    return _carried(repository, file, entry, "committed")


def _carried(repository: Repository, file: DeliveredFile, entry: Entry, what: str) -> Entry:
    """An entry with the run's own lines, on whatever else it has."""
    content = carry(file.before or b"", file.after, repository.read(entry.blob))
    if content is None:
        raise _conflict(f"the {what} version of {file.path} differs in the very lines that the run changed")
    return Entry(entry.mode, repository.store(content))


def _follow(repository: Repository, lock: IndexLock, index: IndexFile, change: DeliveredChange) -> None:
    """Give the user's index the run's lines."""
    copy = repository.copy_index(index)
    staged = repository.index_entries(copy, [file.path for file in change.files])
    wanted = {file.path: _staged(repository, file, staged.get(file.path)) for file in change.files}
    changed = {path: entry for path, entry in wanted.items() if entry is not None and entry != staged.get(path)}
    for path, entry in changed.items():
        repository.set_entry(path, entry, copy)
    if changed:
        lock.replace(read_file(copy), index.status)


def _staged(repository: Repository, file: DeliveredFile, entry: Entry | None) -> Entry | None:
    """The index's entry after the commit; None for one that is the user's: removed, or added in place of a new file."""
    match entry, file.before:
        case None, None:
            return Entry(NEW_FILE_MODE, repository.store(file.after))
        case Entry(), bytes():
            return _carried(repository, file, entry, "staged")
        case _:
            return None


def _conflict(reason: str) -> StepFailedError:
    return StepFailedError("delivery_conflict", f"{reason}: {LEFT}")
