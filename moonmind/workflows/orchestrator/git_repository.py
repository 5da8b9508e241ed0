"""A workspace's git repository, asked and changed through `execute`. Bytes travel in files of a folder of ours."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from moonmind.workflows.orchestrator.git_commands import GitCommands, GitSearch, Owner, commit_message
from moonmind.workflows.orchestrator.git_index import IndexFile
from moonmind.workflows.orchestrator.ports import Command, CommandResult, DeliveredChange, Execute, StepFailedError

FILE_MODES = frozenset({"100644", "100755"})
HEAD = "HEAD"

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as a tree or an index names it."""

    mode: str
    blob: str


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository that a workspace lies in. Paths are the workspace's; `prefix` is where it lies below the top.

    `ours` is a folder that only we write in, `theirs` one below it where git works, as the workspace's owner.
    """

    execute: Execute
    search: GitSearch
    git: GitCommands
    prefix: str
    ours: Path
    theirs: Path

    @property
    def git_dir(self) -> Path:
        """Where its HEAD and index are."""
        return self.git.git_dir

    def head(self) -> str:
        """The commit that is checked out. `delivery_not_possible` when there is none yet."""
        if commit := self.commit_of(HEAD):
            return commit
        raise not_possible("the repository has no commit yet: make the first one")

    def commit_of(self, ref: str) -> str | None:
        """The commit that a full ref name stands for."""
        result = self.execute(self.git.commit_of(ref))
        return result.output.strip() if result.ok else None

    def branch(self) -> str | None:
        """The checked-out branch, None when HEAD is detached."""
        result = self.execute(self.git.branch())
        return result.output.strip().removeprefix("refs/heads/") if result.ok else None

    def commit_of_run(self, change: DeliveredChange, ref: str) -> str | None:
        """The commit that this run has made of its change, if it has."""
        return self._ask(self.git.commit_of_run(change.run_id, ref, change.at)).strip() or None

    def tree_entries(self, commit: str, paths: Sequence[str]) -> dict[str, Entry]:
        """What a commit has at these paths. `delivery_not_possible` for what is no regular file."""
        found: dict[str, Entry] = {}
        for facts, path in self._records(self.git.tree_entries(commit, [self.prefix + path for path in paths])):
            mode, _, blob = facts
            found[path] = _regular(Entry(mode, blob), path)
        return found

    def index_entries(self, index: Path, paths: Sequence[str]) -> dict[str, Entry]:
        """What an index has at these paths. `delivery_not_possible` for what a user has marked or not merged."""
        found: dict[str, Entry] = {}
        for facts, path in self._records(self.git.index_entries(index, [self.prefix + path for path in paths])):
            tag, mode, blob, stage = facts
            if stage != "0":
                raise not_possible(f"{path} has conflicts of a merge: resolve them first")
            if tag != "H":
                raise not_possible(f"{path} is marked `skip-worktree` or `assume-unchanged`: unmark it first")
            found[path] = _regular(Entry(mode, blob), path)
        return found

    def is_ignored(self, path: str) -> bool:
        """Whether the workspace's ignore files name the path."""
        command = self.search.is_ignored(path)
        result = self.execute(command)
        if result.exit_code not in (0, 1):
            raise failed(command, result)
        return result.exit_code == 0

    def read(self, blob: str) -> bytes:
        """A blob's bytes."""
        return read_file(self.theirs / self._ask(self.git.unpack(blob)).strip())

    def store(self, content: bytes) -> str:
        """Add bytes to the repository's objects; their id."""
        return self._ask(self.git.store(self._file(content))).strip()

    def commit(self, change: DeliveredChange, entries: Mapping[str, Entry], parent: str) -> str | None:
        """A commit on top of `parent` with these entries, which no ref names yet. None: `parent` has them all."""
        index = self._place()
        self._ask(self.git.read_tree(parent, index))
        for path, entry in entries.items():
            self.set_entry(path, entry, index)
        tree = self._ask(self.git.write_tree(index)).strip()
        if tree == self._ask(self.git.tree_of(parent)).strip():
            return None
        file = self._file(commit_message(change).encode())
        return self._ask(self.git.commit_tree(tree, parent, file, change.at)).strip()

    def set_entry(self, path: str, entry: Entry, index: Path) -> None:
        """Put a blob at a path of an index file."""
        self._ask(self.git.set_entry(entry.mode, entry.blob, self.prefix + path, index))

    def move(self, ref: str, new: str, old: str | None, run_id: UUID) -> bool:
        """Let a ref (or HEAD's branch) stand for `new` if it stands for `old`; False when it did not or git refused."""
        return self.execute(self.git.move(ref, new, old, f"moonmind: run {run_id}")).ok

    def copy_index(self, index: IndexFile) -> Path:
        """A user's index as a file that git may write."""
        copy = self._place()
        _write_new(copy, index.content, self.git.owner)
        return copy

    def _file(self, content: bytes) -> Path:
        number = len(list(self.ours.iterdir()))
        file = self.ours / str(number)
        _write_new(file, content, self.git.owner)
        return file

    def _place(self) -> Path:
        """A name for an index of ours that is not in use."""
        return self.theirs / f"index-{len(list(self.theirs.iterdir()))}"

    def _records(self, command: Command) -> Iterator[tuple[list[str], str]]:
        for record in self._ask(command).split("\0")[:-1]:
            facts, _, path = record.partition("\t")
            yield facts.split(" "), path.removeprefix(self.prefix)

    def _ask(self, command: Command) -> str:
        result = self.execute(command)
        if not result.ok:
            raise failed(command, result)
        return result.output


@contextmanager
def open_repository(execute: Execute, workspace: Path) -> Iterator[Repository]:
    """The repository that the workspace lies in. `delivery_not_possible` when there is none, or not this user's."""
    owner = _owner(workspace)
    search = GitSearch(workspace, owner)
    git_dir, prefix = _locate(execute, search)
    hooks = _hooks(execute, search)
    try:
        with tempfile.TemporaryDirectory(prefix="moonmind-git-") as folder:
            ours, theirs = Path(folder).resolve(), Path(folder).resolve() / "git"
            theirs.mkdir(0o700)
            if owner:
                os.chown(theirs, owner.uid, owner.gid)
                os.chown(ours, 0, owner.gid)
                ours.chmod(0o750)
            yield Repository(execute, search, GitCommands(git_dir, theirs, owner, hooks), prefix, ours, theirs)
    except OSError as error:  # a full disk, a folder that may not be written: no reason to undo a repair that works
        raise StepFailedError("delivery_failed", f"{error.strerror}: {error.filename or git_dir}") from None


def read_file(path: Path) -> bytes:
    """A file that git wrote."""
    with os.fdopen(os.open(path, _READ), "rb") as file:
        return file.read()


def not_possible(reason: str) -> StepFailedError:
    """What somebody has to do before a change can be delivered."""
    return StepFailedError("delivery_not_possible", reason)


def failed(command: Command, result: CommandResult) -> StepFailedError:
    """A git command that should have worked; its own words are in the step's log."""
    what = command.argv[command.argv.index("--no-pager") + 1]
    ending = "did not end in time" if result.timed_out else f"ended with {result.exit_code}"
    return StepFailedError("delivery_failed", f"git {what} {ending}; the log says why")


def _owner(workspace: Path) -> Owner | None:
    status = workspace.stat()
    return Owner(status.st_uid, status.st_gid) if os.geteuid() == 0 and status.st_uid != 0 else None


def _locate(execute: Execute, search: GitSearch) -> tuple[Path, str]:
    """The git folder and the workspace's path below the top."""
    result = execute(search.locate())
    if not result.ok:
        reason = "the workspace is in no git work tree that its owner may use; the log has git's words"
        raise not_possible(f'{reason}. Make one, or set delivery = "leave"')
    lines = result.output.split("\n")
    if len(lines) != 5:
        raise not_possible("the repository lies in a folder with a line break in its name")
    top, git_dir, common, prefix = (Path(lines[0]), Path(lines[1]), Path(lines[2]), lines[3])
    if (top / prefix).resolve() != search.workspace.resolve():
        raise not_possible("the repository's `core.worktree` is another folder than the one it lies in")
    if not _belongs_together(execute, search, top / ".git", git_dir, common):
        raise not_possible(f"{top / '.git'} points to a repository that does not name this work tree as its own")
    return git_dir, prefix


def _belongs_together(execute: Execute, search: GitSearch, entry: Path, git_dir: Path, common: Path) -> bool:
    """A `.git` that is no folder could send a commit into any other repository: both must name each other."""
    if entry.is_symlink() or not entry.exists():
        return False
    if entry.is_dir():
        return git_dir == common == entry
    if git_dir.parent == common / "worktrees":
        back = git_dir / "gitdir"
        return back.is_file() and (git_dir / read_file(back).decode(errors="replace").strip()).resolve() == entry
    return git_dir == common and execute(search.work_tree_setting()).ok


def _hooks(execute: Execute, search: GitSearch) -> tuple[str, ...]:
    """Names of hooks that the configuration defines, each to be switched off by its name."""
    settings = execute(search.hook_settings()).output.split("\0")[:-1]
    names = {setting.split(".", 1)[1].rpartition(".")[0] for setting in settings}
    if any("\N{REPLACEMENT CHARACTER}" in name for name in names):
        raise not_possible("the repository's configuration has a hook whose name is no UTF-8")
    return tuple(sorted(names))


def _regular(entry: Entry, path: str) -> Entry:
    if entry.mode not in FILE_MODES:
        raise not_possible(f"{path} is no regular file in the repository")
    return entry


def _write_new(path: Path, content: bytes, owner: Owner | None) -> None:
    """A new file; git, as the owner, may write it where it is in its folder."""
    with os.fdopen(os.open(path, _CREATE, 0o640), "wb") as file:
        if owner:
            os.fchown(file.fileno(), owner.uid, owner.gid)
        file.write(content)
