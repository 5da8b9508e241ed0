"""Where a repository's parts lie, found without git: it takes longer to start than all files of a mission to read."""

from __future__ import annotations

from pathlib import Path

import msgspec

from moonmind.missions.errors import USAGE, MissionError


class Places(msgspec.Struct, frozen=True):
    """`git_dir`: of this working tree. `common_dir`: what all working trees of the repository share."""

    root: Path
    git_dir: Path
    common_dir: Path


def find_root(start: Path) -> Path:
    """The folder at or above `start` that has a `.git`. Raises MissionError `NotARepository`, exit 2."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / ".git" / "HEAD").is_file() or (folder / ".git").is_file():
            return folder
    raise MissionError(
        "NotARepository", f"{start} lies in no git working tree: go to yours, or run `git init`", exit_code=USAGE
    )


def places_of(root: Path) -> Places:
    """Of a working tree's top folder. Raises MissionError `NotARepository` when what it names is not there."""
    root = root.resolve()
    git_dir = _git_dir(root / ".git")
    common = git_dir / "commondir"
    common_dir = (git_dir / _text(common)).resolve() if common.is_file() else git_dir
    if not (git_dir / "HEAD").is_file():
        raise MissionError("NotARepository", f"{root}/.git names {git_dir}, which is not there", exit_code=USAGE)
    return Places(root, git_dir, common_dir)


def _git_dir(entry: Path) -> Path:
    """`.git` is a folder, or in a linked working tree and a submodule a file that names one."""
    if entry.is_file():
        return (entry.parent / _text(entry).removeprefix("gitdir:").strip()).resolve()
    return entry.resolve()


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="surrogateescape").strip()
