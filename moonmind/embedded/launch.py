"""`python -m moonmind.embedded.launch FILE`: become the program that a JSON file describes.

The file, not the supervisor's own format, carries arguments and environment: any character may occur in them, and
secrets stay out of everybody's process list. A program started this way ends with the process that started it, where
the system can do that (Linux), so that nothing outlives a killed stack.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import TypedDict

PR_SET_PDEATHSIG = 1


class Spec(TypedDict):
    """`bin`: a folder, or a link to one, that comes first on PATH, resolved at each start. `parent`: whose child it
    must be (None: anybody's). `end_with_parent`: the signal for it when that one is gone (None: it stays)."""

    argv: list[str]
    cwd: str
    env: dict[str, str]
    bin: str | None
    parent: int | None
    end_with_parent: int | None


def become(spec: Spec) -> None:
    """Replace this process. Does not return."""
    if spec["end_with_parent"] is not None:
        _end_with_parent(spec["end_with_parent"], spec["parent"])
    environment = dict(spec["env"])
    if spec["bin"] is not None:
        folder = _environment_of(spec["bin"])
        environment |= {
            "PATH": f"{folder / 'bin'}{os.pathsep}{environment.get('PATH', os.defpath)}",
            "VIRTUAL_ENV": str(folder),
        }
    try:
        os.chdir(spec["cwd"])
        os.execvpe(spec["argv"][0], spec["argv"], environment)  # noqa: S606 - argv only, and this is what it is for
    except OSError as error:
        sys.exit(f"cannot start {spec['argv'][0]} in {spec['cwd']}: {error.strerror}")


def _environment_of(link: str) -> Path:
    """Where the link points now: a switch while the program runs must not move modules under its feet."""
    if not os.path.isdir(link):
        sys.exit(f"there is no environment at {link} yet: it has not been built")
    return Path(link).resolve()


def _end_with_parent(number: int, parent: int | None) -> None:
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if parent is not None and os.getppid() != parent:  # it was gone before the line above
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    become(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
