"""`python -m moonmind.utils.copy_sources FROM TO`: copy a project's files, to build it where nothing is left behind.

Times are new: uv takes a build from its cache when a project's `pyproject.toml` is as old as at the last one.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

LEFT_OUT = frozenset(
    {"__pycache__", ".venv", "venv", "node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".tox", ".nox"}
)
"""What no build needs. `.git` stays: some build systems take the version from it."""


def copy_sources(source: Path, target: Path) -> None:
    """Copy folders, files and symbolic links (which stay links); `target` may lie within `source`."""

    def left_out(folder: str, names: Iterable[str]) -> set[str]:
        return {name for name in names if name in LEFT_OUT or not _is_copied(Path(folder) / name, target)}

    shutil.copytree(source, target, symlinks=True, ignore=left_out, copy_function=shutil.copy)


def _is_copied(path: Path, target: Path) -> bool:
    """Not the way to the copy itself, and no socket or pipe."""
    return path.is_symlink() or path.is_file() or (path.is_dir() and not target.is_relative_to(path))


if __name__ == "__main__":
    copy_sources(Path(sys.argv[1]), Path(sys.argv[2]))
