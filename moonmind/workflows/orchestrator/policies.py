"""What may be written at all: the profile's allow-list, and the files that no list opens by a pattern.

A path is judged as text, before anything is opened; that no symlink stands behind it is the workspace's part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

NEVER = (".git*", "git~*", ".env*")
"""Whatever the list says: they steer git and its hooks, or hold secrets (`git~1` is `.git` on some file systems)."""

KEYS = (
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "*.asc", "*.gpg"),
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "authorized_keys*"),
)

BY_EXACT_NAME = ("compose*.yml", "compose*.yaml", "docker-compose*.yml", "docker-compose*.yaml", "config.toml")
"""They decide what a run may do (mounts, privileges, this very list): only when listed by exact name."""

FOREIGN_FOLDERS = frozenset({"node_modules", "site-packages", "venv", "__pycache__"})
"""Code of others: a pattern does not reach into them, a literal folder name does."""

_WILD = re.compile(r"[*?]")


def refuse_path(path: str, allow: Sequence[str]) -> str | None:
    """Why a run may not write `path` (relative, with `/`), or None when it may."""
    if reason := _malformed(path):
        return reason
    listed = path in (pattern for pattern in allow if not _WILD.search(pattern))
    if reason := _denied(path, listed=listed):
        return reason
    if listed or any(matches(path, pattern) for pattern in allow):
        return None
    return f"{path} is not on the service's allow-list ({', '.join(allow)})"


def matches(path: str, pattern: str) -> bool:
    """Glob on whole paths, case-sensitive: `*` stays in one folder, `**` is any folders; neither takes hidden names."""
    return _fits(path.split("/"), pattern.split("/")) and not _reaches_foreign(path, pattern)


def _malformed(path: str) -> str | None:
    parts = path.split("/")
    if not path or path.startswith("/") or "\\" in path:
        return "a path must be relative to the workspace, with `/`"
    if not path.isprintable():
        return "a path holds characters that cannot be seen"
    if any(part in ("", ".", "..") for part in parts):
        return f"{path} has an empty, `.` or `..` part"
    if any(part != part.strip() or part.endswith(".") or ":" in part for part in parts):
        return f"{path} has a name that some file systems read as another one"
    return None


def _denied(path: str, *, listed: bool) -> str | None:
    parts = path.casefold().split("/")
    name = parts[-1]
    if any(fnmatchcase(part, pattern) for part in parts for pattern in NEVER):
        return f"{path}: git's own files and environment files are never written"
    if any(fnmatchcase(name, pattern) for pattern in KEYS):
        return f"{path}: keys are never written"
    if listed:
        return None
    if any(fnmatchcase(name, pattern) for pattern in BY_EXACT_NAME):
        return f"{path} decides what runs may do: it must be on the allow-list by its exact name"
    if any(part.startswith(".") for part in parts):
        return f"{path} is hidden: it must be on the allow-list by its exact name"
    if not path.isascii():
        return f"{path} has letters that may look like others: it must be on the allow-list by its exact name"
    return None


def _reaches_foreign(path: str, pattern: str) -> bool:
    literal = set(pattern.split("/"))
    return any(part in FOREIGN_FOLDERS and part not in literal for part in path.split("/"))


def _fits(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    """Folder by folder, keeping all places of the pattern that are reached: no pattern takes longer than its length
    times the path's."""
    at = _skip({0}, wanted)
    for part in parts:
        at = _skip({following for place in at for following in _after(part, place, wanted)}, wanted)
    return len(wanted) in at


def _after(part: str, place: int, wanted: Sequence[str]) -> Iterator[int]:
    """The places of the pattern that one more name leads to."""
    if place == len(wanted):
        return
    if wanted[place] == "**":
        if part and not part.startswith("."):
            yield place
            if place == len(wanted) - 1:
                yield len(wanted)
    elif _fits_name(part, wanted[place]):
        yield place + 1


def _skip(places: set[int], wanted: Sequence[str]) -> set[int]:
    """With those behind a `**` that stands for no folder; the last one stands for one name at least."""
    reached = set(places)
    for place in range(len(wanted) - 1):
        if place in reached and wanted[place] == "**":
            reached.add(place + 1)
    return reached


def _fits_name(name: str, wanted: str) -> bool:
    """One name against one part of a pattern; on a mismatch only the last `*` takes one character more."""
    if name.startswith(".") and wanted[:1] in ("*", "?"):
        return False
    at = place = 0
    star, taken = -1, 0
    while at < len(name):
        if wanted[place : place + 1] == "*":
            star, taken, place = place, at, place + 1
        elif place < len(wanted) and wanted[place] in ("?", name[at]):
            at, place = at + 1, place + 1
        elif star >= 0:
            taken += 1
            at, place = taken, star + 1
        else:
            return False
    return not wanted[place:].strip("*")
