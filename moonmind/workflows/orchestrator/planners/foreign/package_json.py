"""What became of a package.json: packages that came to its lists; scripts and the rest must stay."""

from __future__ import annotations

import json
import re
from typing import Any

from moonmind.workflows.orchestrator.planners.foreign import Added, RefusedChangeError

_LISTS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
_FREE = ("engines", "type")
"""What else may be changed: it names versions of Node and the form of modules, and runs nothing."""

NPM_NAME = re.compile(r"(?:@[a-z0-9~-][a-z0-9._~-]{0,213}/)?[a-z0-9~-][a-z0-9._~-]{0,213}")
"""As the registry takes new names (npm's documentation, "package.json", `name`)."""

_RANGE = re.compile(r"[0-9xX*^~<>=|.v +a-zA-Z-]{1,100}")
_WORD = re.compile(r"[a-zA-Z]{2,}[^|]{0,100}")
_PRERELEASE = re.compile(r"[0-9]-[a-zA-Z]")
_ARCHIVES = (".tgz", ".tar", ".tar.gz")
_NAMED = re.compile(r"(?:[a-zA-Z][\w-]{0,100})?", re.ASCII)
"""A tag of the registry (`latest`), or any version."""


def added_to_package_json(path: str, before: bytes | None, after: bytes) -> list[Added]:
    """The npm packages that came. Raises RefusedChangeError."""
    if before is None:
        raise RefusedChangeError(f"{path} would be new: how a project is built is not proposed")
    old, new = _parse(path, before), _parse(path, after)
    kept = (*_LISTS, *_FREE)
    changed = [name for name in {**old, **new} if name not in kept and old.get(name) != new.get(name)]
    if changed:
        raise RefusedChangeError(f"{path}: only lists of dependencies may be changed, not {', '.join(changed)[:200]}")
    listed, known = _listed(path, new), _listed(path, old)
    for (table, name), version in listed.items():
        if known.get((table, name)) != version:
            _check(path, name, version)
    for (table, name), version in known.items():
        if not is_of_the_registry(version) and listed.get((table, name)) != version:
            raise RefusedChangeError(f"{path}: {name} is taken from {version!r:.100}, and stays as it is")
    names = {name for (_, name), version in known.items() if is_of_the_registry(version)}
    plain = dict.fromkeys(name for (_, name), version in listed.items() if is_of_the_registry(version))
    return [Added("npm", name, path) for name in plain if name not in names]


def _parse(path: str, content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise RefusedChangeError(f"{path} would be no valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise RefusedChangeError(f"{path} would be no JSON object")
    return found


def _listed(path: str, document: dict[str, Any]) -> dict[tuple[str, str], Any]:
    tables = {name: document.get(name, {}) for name in _LISTS}
    if odd := [name for name, table in tables.items() if not isinstance(table, dict)]:
        raise RefusedChangeError(f"{path}: `{odd[0]}` would be no object")
    return {(table, name): version for table, entries in tables.items() for name, version in entries.items()}


def _check(path: str, name: str, version: Any) -> None:
    if not NPM_NAME.fullmatch(name):
        raise RefusedChangeError(f"{path}: {name!r:.100} is no package's name")
    if not isinstance(version, str) or not is_range(version):
        raise RefusedChangeError(f"{path}: {name} must be asked for by a range of versions, not {version!r:.100}")


def named_elsewhere(content: bytes) -> set[str]:
    """The packages that a sound file takes from elsewhere than the registry."""
    try:
        listed = _listed("", _parse("", content))
    except RefusedChangeError:
        return set()
    return {name for (_, name), version in listed.items() if not is_of_the_registry(version)}


def is_of_the_registry(version: Any) -> bool:
    """Whether npm takes it from the registry under its own name."""
    return isinstance(version, str) and bool(is_range(version) or _NAMED.fullmatch(version))


def is_range(text: str) -> bool:
    """Versions of the registry's own package: no URL, path, archive, tag or other name (`npm:…`)."""
    if not _RANGE.fullmatch(text) or text.startswith(".") or text.endswith(_ARCHIVES):
        return False
    return _WORD.search(text) is None or _PRERELEASE.search(text) is not None
