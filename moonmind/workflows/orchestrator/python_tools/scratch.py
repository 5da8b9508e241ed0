"""A tool run on a copy of some files: nothing of the workspace is touched, and what it wrote is read from the copy."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from moonmind.workflows.orchestrator.command_runner import SubprocessRunner
from moonmind.workflows.orchestrator.ports import Command, CommandResult

FILE_LIMIT = 64 * 1024 * 1024
"""Bytes of a file that a tool wrote; a lock file has a few of them at most."""

SAID_LIMIT = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Scratch:
    """A folder of its own with copies of files, below a path that nobody else can read."""

    folder: Path

    def run(self, command: Command, seconds: float) -> CommandResult:
        """Run a tool here, to the end or for so many seconds; its output is without the folder's path."""
        said = _Said()
        done = SubprocessRunner(dict(os.environ)).run(command, log=said, timeout=seconds)
        return CommandResult(done.exit_code, "".join(said.parts).replace(f"{self.folder}/", ""), done.timed_out)

    def write(self, path: str, content: bytes) -> None:
        """Another file."""
        target = (self.folder / path).resolve()
        if not target.is_relative_to(self.folder) or target == self.folder:
            raise ValueError(f"{path} is outside of the copy")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def read(self, path: str) -> bytes | None:
        """A file as the tool left it; None when there is none, or none that a lock file could be."""
        file = self.folder / path
        if file.is_symlink() or not file.is_file() or file.stat().st_size > FILE_LIMIT:
            return None
        return file.read_bytes()


@contextmanager
def scratch(files: Mapping[str, bytes]) -> Iterator[Scratch]:
    """A copy of the files, by their relative paths. It is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="moonmind-") as name:
        copy = Scratch(Path(name).resolve())
        for path, content in files.items():
            copy.write(path, content)
        yield copy


@dataclass(slots=True)
class _Said:
    """What a tool says, from its beginning, up to SAID_LIMIT characters."""

    parts: list[str] = field(default_factory=list)
    size: int = 0

    def write(self, text: str) -> None:
        if self.size < SAID_LIMIT:
            self.parts.append(text)
            self.size += len(text)
