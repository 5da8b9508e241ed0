"""Put before a tool's modules as `sitecustomize.py`: lets its Python, and those it starts, run no package's code.

Poetry has no option for that: it builds a source distribution whose metadata it cannot read. What builds, by any tool,
starts a Python with `pyproject_hooks` or a `setup.py`, and Python's audit events tell of it before it happens; such a
hook cannot be taken off again (PEP 578).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

LOADED = "loaded"
DENIED = "denied"
"""Files beside this one that say so: the first that it is in force, the second that it had to act."""

_ARGV_OF = {"subprocess.Popen": 1, "os.exec": 1, "os.posix_spawn": 1, "os.spawn": 2, "os.system": 0}
"""Which argument of an audit event is the command."""


def is_build(argv: Iterable[object]) -> bool:
    """Whether a command would run a build backend or a setup script."""
    words = [str(word) for word in argv]
    return any("pyproject_hooks" in word or word.endswith(("_in_process.py", "setup.py")) for word in words)


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    place = _ARGV_OF.get(event)
    if place is None:
        return
    argv = arguments[place]
    if is_build(argv if isinstance(argv, list | tuple) else [argv]):
        (Path(__file__).parent / DENIED).touch()
        raise RuntimeError("no code of a package is run here")


if __name__ == "sitecustomize":
    sys.addaudithook(_watch)
    (Path(__file__).parent / LOADED).touch()
