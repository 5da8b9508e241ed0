"""Where a repository's parts lie, found without git: it takes longer to start than all files of a mission to read.

Paths are text here, and what reads uses `os`: `pathlib` alone takes as long to import as a mission to read.
"""

from __future__ import annotations

import os

import msgspec

from moonmind.missions.errors import USAGE, MissionError


class Places(msgspec.Struct, frozen=True):
    """Absolute, without links. `git_dir`: of this working tree. `common_dir`: what all working trees of the repository
    share."""

    root: str
    git_dir: str
    common_dir: str


def find_root(start: str | os.PathLike[str]) -> str:
    """The folder at or above `start` that has a `.git`. Raises MissionError `NotARepository`, exit 2."""
    folder = first = os.path.realpath(start)
    while not (os.path.isfile(f"{folder}/.git/HEAD") or os.path.isfile(f"{folder}/.git")):
        above = os.path.dirname(folder)
        if above == folder:
            raise MissionError(
                "NotARepository",
                f"{first} lies in no git working tree: go to yours, or run `git init`",
                exit_code=USAGE,
            )
        folder = above
    return folder


def places_of(root: str | os.PathLike[str]) -> Places:
    """Of a working tree's top folder. Raises MissionError `NotARepository` when what it names is not there."""
    root = os.path.realpath(root)
    git_dir = _git_dir(root)
    common = os.path.join(git_dir, "commondir")
    common_dir = _named_in(common, git_dir) if os.path.isfile(common) else git_dir
    if not os.path.isfile(os.path.join(git_dir, "HEAD")):
        raise MissionError("NotARepository", f"{root}/.git names {git_dir}, which is not there", exit_code=USAGE)
    return Places(root, git_dir, common_dir)


def read_line(file: str) -> str:
    """What a small file of git's says."""
    with open(file, encoding="utf-8", errors="surrogateescape") as text:
        return text.read().strip()


def _git_dir(root: str) -> str:
    """`.git` is a folder, or in a linked working tree and a submodule a file that names one."""
    entry = os.path.join(root, ".git")
    return _named_in(entry, root) if os.path.isfile(entry) else os.path.realpath(entry)


def _named_in(file: str, folder: str) -> str:
    return os.path.realpath(os.path.join(folder, read_line(file).removeprefix("gitdir:").strip()))
