"""One writer a repository: a file that the system unlocks when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from moonmind.missions.errors import MissionError

PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.01


@contextmanager
def locked(path: str, patience: float = PATIENCE_SECONDS) -> Iterator[int]:
    """Holds the file inside the block; its descriptor. Raises MissionError `Busy` when the patience is at its end."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        _wait(fd, path, time.monotonic() + patience)
        yield fd
    finally:
        os.close(fd)


def _wait(fd: int, path: str, deadline: float) -> None:
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise MissionError(
                    "Busy", f"another command is writing to the missions of this repository ({path}): try again"
                ) from None
        time.sleep(PAUSE_SECONDS)
