"""One owner of a lock group on one machine: a file lock that the owner's children inherit.

A token in the database cannot stop a child that still writes. So every child holds the lock too, and its process group
is written into the lock file; a new owner first ends that group, then gets the lock.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from moonmind.utils.processes import end_group, start_time

PATIENCE_SECONDS = 30.0
"""How long a new owner waits for one that is ending: longer than a group's grace and a heartbeat."""


class GroupLockError(Exception):
    """The lock group is still held on this machine; trying again later may work."""


class GroupLock:
    """Holds the file lock of a group inside the block."""

    def __init__(self, folder: Path, group: str, *, patience: float = PATIENCE_SECONDS) -> None:
        self._path = folder / f"{group}.lock"
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
        os.close(self._fd)  # the record stays: an escaped child still holds the lock, and is found by it

    @property
    def fd(self) -> int:
        """The descriptor that children inherit."""
        return self._fd

    def record(self, pid: int) -> None:
        """Write down the process group that works under this lock now."""
        content = json.dumps({"pid": pid, "started": start_time(pid)}).encode()
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, content, 0)

    def _acquire(self) -> None:
        deadline = time.monotonic() + self._patience
        while not self._try():
            if time.monotonic() >= deadline:
                raise GroupLockError(f"{self._path.name} is held by another process on this machine")
            self._end_left_over()
            time.sleep(0.05)

    def _try(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _end_left_over(self) -> None:
        try:
            record = json.loads(os.pread(self._fd, 4096, 0))
        except ValueError:
            return
        pid, started = record["pid"], record["started"]
        if started is not None and start_time(pid) == started:
            end_group(pid)
