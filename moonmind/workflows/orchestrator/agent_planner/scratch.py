"""The folder that an agent works in: made from given files, read back without trusting anything that lies there."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from moonmind.workflows.orchestrator.agent_planner.task import MOST_GIVEN_BYTES, TASK
from moonmind.workflows.orchestrator.planners.foreign import RefusedChangeError

MOST_ENTRIES = 20_000
MOST_FILE_BYTES = 1024 * 1024
IGNORED = frozenset({"__pycache__"})
"""What merely running Python leaves behind; it is not taken over."""

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def fill(folder: Path, files: Mapping[str, bytes], task: str) -> None:
    """Write the files and the task; readable by this user alone."""
    for path, content in {**files, TASK: task.encode()}.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(0o600)


def changed_files(folder: Path, before: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files that were changed or made, with their bytes; the task is not among them.

    Raises RefusedChangeError for what is gone, no regular file, linked elsewhere, too large or too much.
    """
    found = dict(_files(folder))
    found.pop(TASK, None)
    if gone := sorted(set(before) - set(found)):
        raise RefusedChangeError(f"{gone[0]} was deleted: files are changed or made, never deleted")
    return {path: content for path, content in found.items() if before.get(path) != content}


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below the folder, whatever it is; what is too much is noticed before it is read."""
    taken, waiting, entries = 0, [""], iter(range(MOST_ENTRIES))
    while waiting:
        inside = waiting.pop()
        for entry in _entries(folder / inside):
            path = f"{inside}/{entry.name}".lstrip("/")
            if next(entries, None) is None:
                raise RefusedChangeError(f"the folder holds more than {MOST_ENTRIES} entries")
            if entry.is_dir(follow_symlinks=False):
                waiting += [] if entry.name in IGNORED else [path]
                continue
            content = _read(folder / path, path)
            taken += len(content)
            if taken > 2 * MOST_GIVEN_BYTES:
                raise RefusedChangeError("the folder holds more than twice what may be given")
            yield path, content


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as listed:
            return list(islice(listed, MOST_ENTRIES + 1))
    except OSError:
        raise RefusedChangeError("a folder cannot be read any more") from None


def _read(file: Path, path: str) -> bytes:
    """One regular file of one name: a second name may be that of a file outside."""
    try:
        number = os.open(file, _FLAGS)
    except OSError:
        raise RefusedChangeError(f"{path!r:.200} is a link or cannot be read") from None
    try:
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise RefusedChangeError(f"{path!r:.200} is no file of its own")
        if found.st_size > MOST_FILE_BYTES:
            raise RefusedChangeError(f"{path!r:.200} is larger than {MOST_FILE_BYTES} bytes")
        with os.fdopen(os.dup(number), "rb") as opened:
            return opened.read(MOST_FILE_BYTES + 1)
    finally:
        os.close(number)
