"""The user's index, which must follow a commit that was made beside it: else it would stage the commit's undoing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from moonmind.missions.adapters.git_cli import split_names
from moonmind.missions.adapters.git_objects import Entry, set_entries
from moonmind.missions.adapters.git_process import GitProcess
from moonmind.missions.errors import MissionError

MARK = b"A moonmind command is about to commit. When none runs, this file may be removed.\n"
PATIENCE_SECONDS = 3.0
"""git's own commands hold the lock for moments; one that waits in an editor is not waited for."""
PAUSE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class UserIndex:
    """The index while it is locked. `copy`: ours, in which the next one is made."""

    git: GitProcess
    file: Path
    copy: Path

    def entries(self, paths: Sequence[str]) -> dict[str, Entry]:
        """What is staged at these paths. Raises MissionError `Unmerged`."""
        env = {"GIT_INDEX_FILE": str(self.copy)}
        listing = self.git.run("ls-files", "-z", "--stage", "--full-name", "--", *paths, env=env).stdout
        entries = {}
        for line in split_names(listing):
            fields, _, path = line.partition("\t")
            mode, oid, stage = fields.split()
            if stage != "0":
                raise MissionError("Unmerged", f"{path} has a conflict: resolve it first")
            entries[path] = Entry(mode, oid)
        return entries

    def replace(self, entries: Mapping[str, Entry]) -> None:
        """The same index with these entries, in one step."""
        if not entries:
            return
        set_entries(self.git, entries, self.copy)
        fd = os.open(self.copy, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(self.copy, self.file)


@contextmanager
def locked_index(git: GitProcess, git_dir: Path) -> Iterator[UserIndex]:
    """Locks the index as git does. Only for who holds the lock of the missions: by that, a lock file of ours that is
    found was left by a killed process. Raises MissionError `IndexLocked`."""
    lock, index = git_dir / "index.lock", UserIndex(git, git_dir / "index", git_dir / "moonmind-index")
    _take(lock)
    try:
        _copy(index.file, index.copy)
        yield index
    finally:
        index.copy.unlink(missing_ok=True)
        lock.unlink(missing_ok=True)


def _take(lock: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with suppress(FileNotFoundError):
            if lock.read_bytes() == MARK:
                lock.unlink()
        try:
            fd = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            if time.monotonic() >= deadline:
                reason = f"{lock} exists: another git command is at work there, or one was killed"
                raise MissionError("IndexLocked", f"{reason}; if none is, remove the file") from None
            time.sleep(PAUSE_SECONDS)
            continue
        os.write(fd, MARK)
        return os.close(fd)


def _copy(index: Path, copy: Path) -> None:
    """With its time: by it git tells which files may have changed since, and looks into them again."""
    copy.unlink(missing_ok=True)
    copy.with_name(f"{copy.name}.lock").unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        content, status = index.read_bytes(), index.stat()
        copy.write_bytes(content)
        copy.chmod(status.st_mode & 0o777)
        os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
