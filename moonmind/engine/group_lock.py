"""One owner of a lock group on one machine: a file lock that the owner's children inherit.

A token in the database cannot stop a child that still writes. So every child holds the lock too, and carries the lock's
mark in its environment, as do its own children, whatever session they moved to. A new owner first ends all that carry
the mark, then gets the lock, then works.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from moonmind.utils.processes import end_all

MARK = "MOONMIND_LOCK"
"""In the environment of every child: the lock file's path."""
PATIENCE_SECONDS = 30.0
"""How long a new owner waits for one that is ending: longer than a group's grace and a heartbeat."""


class GroupLockError(Exception):
    """The lock group is still held on this machine; trying again later may work."""


class GroupLock:
    """Holds the file lock of a group inside the block."""

    def __init__(self, folder: Path, group: str, *, patience: float = PATIENCE_SECONDS) -> None:
        self._path = folder.resolve() / f"{group}.lock"
        self._patience = patience
        self._fd = -1

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            self._acquire()
        except BaseException:
            os.close(self._fd)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)

    @property
    def fd(self) -> int:
        """The descriptor that children inherit."""
        return self._fd

    @property
    def mark(self) -> dict[str, str]:
        """What children carry in their environment."""
        return {MARK: str(self._path)}

    def end_children(self) -> None:
        """End every process that works under this lock and is no worker, wherever it went."""
        end_all([process for process in psutil.process_iter() if self._is_marked(process)])

    def _acquire(self) -> None:
        deadline = time.monotonic() + self._patience
        while not self._try():
            if time.monotonic() >= deadline:
                raise GroupLockError(f"{self._path.name} is held by another process on this machine")
            self.end_children()
            time.sleep(0.05)

    def _try(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARK) == str(self._path)
        except (psutil.Error, OSError):  # gone, a zombie, or somebody else's
            return False
