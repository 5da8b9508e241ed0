"""The user's index, kept from everybody else while a commit is made, in the way of git's own commands."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from moonmind.workflows.orchestrator.ports import StepFailedError

LOCK = "index.lock"
INDEX = "index"
NEW = "index.moonmind-new"
MARK = b"A MoonMind run is about to commit. Without a process that holds this file, it may be removed.\n"
PATIENCE_SECONDS = 3.0
"""Git's own commands hold the lock for moments; one that waits in an editor is not waited for."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class IndexFile:
    """An index as it was read, with its owner, mode and times."""

    content: bytes
    status: os.stat_result


def read_index(git_dir: Path) -> IndexFile | None:
    """The index as it is now, without keeping anybody from changing it; None when there is none."""
    folder = os.open(git_dir, _FOLDER)
    try:
        return _read(folder)
    finally:
        os.close(folder)


def _read(folder: int) -> IndexFile | None:
    try:
        fd = os.open(INDEX, _READ, dir_fd=folder)
    except FileNotFoundError:
        return None
    with os.fdopen(fd, "rb") as file:
        return IndexFile(file.read(), os.fstat(fd))


class IndexLock:
    """Holds `index.lock` inside the block. A killed holder's is told by its mark and its free `flock`, and replaced."""

    def __init__(self, git_dir: Path) -> None:
        self._git_dir = git_dir
        self._folder = self._fd = -1

    def __enter__(self) -> Self:
        try:
            self._folder = os.open(self._git_dir, _FOLDER)
            self._fd = self._take()
        except OSError as error:
            self._close()
            reason = f"the repository's index cannot be locked ({error.strerror}: {self._git_dir / LOCK})"
            raise StepFailedError("delivery_failed", reason) from None
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unlock(self._fd)
        self._close()

    def read(self) -> IndexFile | None:
        """The index, which nobody else changes now; None when there is none."""
        return _read(self._folder)

    def replace(self, content: bytes, like: os.stat_result) -> None:
        """Exchange the index in one step. Its time stays: by it git tells which files it must look into again, and
        for a newer one it would believe a file that was changed right after it was staged to be unchanged."""
        with suppress(FileNotFoundError):
            os.unlink(NEW, dir_fd=self._folder)
        with os.fdopen(os.open(NEW, _CREATE, 0o600, dir_fd=self._folder), "wb") as file:
            file.write(content)
            file.flush()
            if os.geteuid() == 0:
                os.fchown(file.fileno(), like.st_uid, like.st_gid)
            os.fchmod(file.fileno(), like.st_mode & 0o777)
            os.utime(file.fileno(), ns=(like.st_atime_ns, like.st_mtime_ns))
            os.fsync(file.fileno())
        os.rename(NEW, INDEX, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        os.fsync(self._folder)

    def _take(self) -> int:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (fd := self._try()) is None:
            if time.monotonic() >= deadline:
                reason = f"{self._git_dir / LOCK} exists: another git command is at work there, or one was killed"
                raise StepFailedError("delivery_failed", f"{reason}; if none is, remove the file")
            time.sleep(0.05)
        return fd

    def _try(self) -> int | None:
        try:
            fd = os.open(LOCK, _CREATE, 0o644, dir_fd=self._folder)
        except FileExistsError:
            self._remove_left_behind()
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(fd, MARK)
        except OSError as error:
            os.unlink(LOCK, dir_fd=self._folder)
            os.close(fd)
            if isinstance(error, BlockingIOError):  # another run looks whether the file was left behind
                return None
            raise
        return fd

    def _remove_left_behind(self) -> None:
        try:
            fd = os.open(LOCK, _READ, dir_fd=self._folder)
        except OSError:  # gone meanwhile, or not a file of ours
            return
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.read(fd, len(MARK)) == MARK:
                self._unlock(fd)
        except OSError:  # held, or not a file
            return
        finally:
            os.close(fd)

    def _unlock(self, fd: int) -> None:
        """Remove the lock file if it is still this one."""
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(fd), os.stat(LOCK, dir_fd=self._folder, follow_symlinks=False)):
                os.unlink(LOCK, dir_fd=self._folder)

    def _close(self) -> None:
        for fd in (self._fd, self._folder):
            if fd >= 0:
                os.close(fd)
        self._folder = self._fd = -1
