"""What a repository holds, to be compared: before a command and after it."""

from __future__ import annotations

import difflib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from tests.golden.git import Repository

LOCK = "moonmind"
"""Files of this name in `.git` are the writers' lock: being there says nothing."""
LOG, SNAPSHOT = "status.events.jsonl", "status.json"
"""Shown as events, not as text."""
FOLDER = b"/"
"""The content of a folder."""
_COORDINATION = ("coordination/", "missions/", "log/")
"""How the branches begin that logs lie on."""


@dataclass(frozen=True, slots=True)
class State:
    """`files`: of the working tree, by path, with mode. `refs`: branch → commit. `index`: as git lists it. `internals`:
    digest of every file in `.git` but the index (git writes times there) and the lock. `logs`, `snapshots`: text by
    file, or by branch and file.
    """

    files: dict[str, tuple[int, bytes]]
    refs: dict[str, str]
    head: str
    index: str
    internals: dict[str, str]
    logs: dict[str, str]
    snapshots: dict[str, str]

    @property
    def commits(self) -> dict[str, str]:
        """By hash, what it is called: the first branch that has it."""
        return {commit: f"<{name}>" for name, commit in reversed(self.refs.items())}


def read_state(folder: Path) -> State:
    """Everything, without changing anything."""
    if not (folder / ".git").exists():
        return State(_files(folder), {}, "", "", {}, {}, {})
    repository = Repository(folder)
    lines = repository.git("for-each-ref", "--format=%(refname:short) %(objectname)").splitlines()
    refs = dict(line.split() for line in lines)
    head = (folder / ".git" / "HEAD").read_text()
    index = repository.git("ls-files", "--stage", "-v")
    logs, snapshots = (_views(repository, refs, name) for name in (LOG, SNAPSHOT))
    return State(_files(folder), refs, head, index, _internals(folder / ".git"), logs, snapshots)


def _files(folder: Path) -> dict[str, tuple[int, bytes]]:
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if name.parts[0] != ".git":
            found[name.as_posix()] = (path.lstat().st_mode, _content(path))
    return found


def _content(path: Path) -> bytes:
    if path.is_symlink():
        return os.readlink(path).encode()
    return FOLDER if path.is_dir() else path.read_bytes()


def _internals(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name != "index" and not path.name.startswith(LOCK)
    }


def _views(repository: Repository, refs: dict[str, str], name: str) -> dict[str, str]:
    """Every mission's file of this name, in the working tree and on coordination branches."""
    found = {
        path.relative_to(repository.folder).as_posix(): path.read_text()
        for path in sorted(repository.folder.glob(f"specs/*/{name}"))
    }
    for branch in (one for one in refs if one.startswith(_COORDINATION)):
        for path in repository.git("ls-tree", "-r", "--name-only", branch).splitlines():
            if path.endswith(name):
                found[f"{branch}:{path}"] = repository.git("show", f"{branch}:{path}")
    return found


def difference(folder: Path, before: State, after: State) -> str:
    """For people: events added, commits made, and what became of the files."""
    parts = [_events(before, after), _commits(folder, before, after), _changes(before, after)]
    if after.refs:
        parts.append(_titled("git status", Repository(folder).git("status", "--short", "--untracked-files=all")))
    return "".join(parts)


def _events(before: State, after: State) -> str:
    text = ""
    for name, log in after.logs.items():
        known = before.logs.get(name, "")
        text += "" if log.startswith(known) else f"{name}: EARLIER LINES CHANGED\n"
        text += "".join(f"{name}: +{line}\n" for line in log[len(known) :].splitlines())
    return _titled("events", text)


def _commits(folder: Path, before: State, after: State) -> str:
    text, known = "", [f"^{commit}" for commit in before.refs.values()]
    for name, commit in after.refs.items():
        if before.refs.get(name) != commit:
            log = Repository(folder).git("log", "--format=%an: %s", "--name-status", commit, *known)
            text += f"{name}:\n" + log
    if before.head != after.head:
        text += f"HEAD: {after.head}"
    return _titled("commits", text)


def _changes(before: State, after: State) -> str:
    text = ""
    for name in sorted({*before.files, *after.files}):
        old, new = before.files.get(name), after.files.get(name)
        if old != new:
            text += _mode(name, old, new) + _diff(name, old, new)
    return _titled("files", text)


def _mode(name: str, old: tuple[int, bytes] | None, new: tuple[int, bytes] | None) -> str:
    if old is None or new is None:
        return f"{name}: {'made' if new else 'removed'}\n"
    return f"{name}: {'changed' if old[0] == new[0] else f'mode {old[0]:o} is {new[0]:o}'}\n"


def _diff(name: str, old: tuple[int, bytes] | None, new: tuple[int, bytes] | None) -> str:
    if name.endswith((LOG, SNAPSHOT)) or FOLDER in (old and old[1], new and new[1]):
        return ""
    before, after = ((side[1] if side else b"").decode().splitlines() for side in (old, new))
    lines = difflib.unified_diff(before, after, n=0, lineterm="")
    return "".join(f"  {line.rstrip()}\n" for line in lines if not line.startswith(("---", "+++", "@@")))


def _titled(title: str, text: str) -> str:
    return f"--- {title}\n{text}" if text else ""
