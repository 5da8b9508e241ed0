"""A wall clock that can be made to jump, for the processes that are started with it; `clock.c` is what they preload."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DAYS = 86400


class Clock:
    """Of the processes that were started with `env`, or inside `preloaded`."""

    def __init__(self, folder: Path, whose: str) -> None:
        library, self._file = folder / "clock.so", folder / f"{whose} clock"
        if not library.exists():
            source = Path(__file__).with_name("clock.c")
            subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source)], check=True)
        self.set(0)
        self.env = {"LD_PRELOAD": str(library), "MMFAULTS_CLOCK": str(self._file)}

    def set(self, seconds: int) -> None:
        """Jump to so many seconds after the true time."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("=q", seconds))

    @contextmanager
    def preloaded(self) -> Iterator[None]:
        """What is started inside the block has this clock."""
        os.environ.update(self.env)
        try:
            yield
        finally:
            for name in self.env:
                del os.environ[name]
