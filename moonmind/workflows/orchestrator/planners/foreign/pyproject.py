"""What became of a pyproject.toml: packages that came to its lists; the rest of it steers builds and must stay."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from moonmind.workflows.orchestrator.planners.foreign import Added, RefusedChangeError
from moonmind.workflows.orchestrator.planners.foreign.requirements import added_distribution

_LISTS = (
    *("project.dependencies", "project.optional-dependencies.*", "dependency-groups.*", "build-system.requires"),
    *("tool.poetry.dependencies", "tool.poetry.dev-dependencies", "tool.poetry.group.*.dependencies"),
)
"""Where dependencies stand: PEP 621, PEP 735, PEP 518, and Poetry's own tables."""

_FREE = ("project.requires-python",)
"""What else may be changed."""

_POETRY_KEYS = frozenset({"version", "extras", "optional", "markers", "python"})
"""Of a dependency that is a table: not `git`, `url`, `path`, `source`."""

_UV_SOURCES = ("tool", "uv", "sources")

Entry = tuple[tuple[str, ...], str, Any]
"""The place of a dependency's list, the dependency's name, and what is wanted of it."""


def added_to_pyproject(path: str, before: bytes | None, after: bytes) -> list[Added]:
    """The distributions that came. Raises RefusedChangeError."""
    if before is None:
        raise RefusedChangeError(f"{path} would be new: how a project is built is not proposed")
    old, new = _parse(path, before), _parse(path, after)
    if rest := _differences(_rest(old), _rest(new)):
        raise RefusedChangeError(f"{path}: only lists of dependencies may be changed, not {', '.join(rest)[:200]}")
    kept = _elsewhere(new)
    if gone := [one for one in _elsewhere(old) if one not in kept]:
        raise RefusedChangeError(f"{path}: {gone[0][1]} does not come from the index, and stays as it is")
    known = {name for _, name, value in _entries(old) if _is_of_the_index(value)}
    return [added for name, added in _listed(path, new, old) if name not in known and added is not None]


def named_elsewhere(content: bytes) -> set[str]:
    """The distributions that a sound file takes from elsewhere than the index, also by uv's own table."""
    try:
        document = _parse("", content)
    except RefusedChangeError:
        return set()
    sources = {canonicalize_name(place[3]) for place, _ in _leaves(document) if place[:3] == _UV_SOURCES and place[3:]}
    return sources | {name for _, name, _ in _elsewhere(document)}


def _elsewhere(document: Mapping[str, Any]) -> list[Entry]:
    return [one for one in _entries(document) if not _is_of_the_index(one[2])]


def _entries(document: Mapping[str, Any]) -> Iterator[Entry]:
    for place, value in _leaves(document):
        if _is_list(place) and isinstance(value, Mapping):
            yield from ((place, canonicalize_name(name), wanted) for name, wanted in value.items())
        elif _is_list(place) and isinstance(value, list):
            yield from ((place, name, one) for one in value if isinstance(one, str) and (name := _name(one)))


def _name(text: str) -> str | None:
    try:
        return canonicalize_name(Requirement(text).name)
    except InvalidRequirement:
        return None


def _is_of_the_index(value: Any) -> bool:
    """A requirement without a URL; a version of Poetry's, a table of its plain keys, or a list of those."""
    if isinstance(value, list):
        return all(_is_of_the_index(one) for one in value)
    if isinstance(value, Mapping):
        return set(value) <= _POETRY_KEYS and isinstance(value.get("version"), str)
    return isinstance(value, str) and "@" not in value.partition(";")[0]


def _parse(path: str, content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise RefusedChangeError(f"{path} would be no valid TOML: {error}") from None


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value that is no table, by its path; a list of dependencies whole, whatever it is made of."""
    if isinstance(value, Mapping) and value and not _is_list(path):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    else:
        yield path, value


def _is_list(path: tuple[str, ...]) -> bool:
    return any(_fits(path, pattern.split(".")) for pattern in _LISTS)


def _fits(path: tuple[str, ...], pattern: list[str]) -> bool:
    return len(path) == len(pattern) and all(want in ("*", name) for name, want in zip(path, pattern, strict=True))


def _rest(document: dict[str, Any]) -> dict[tuple[str, ...], Any]:
    free = {tuple(name.split(".")) for name in _FREE}
    return {path: value for path, value in _leaves(document) if not _is_list(path) and path not in free}


def _differences(old: dict[tuple[str, ...], Any], new: dict[tuple[str, ...], Any]) -> list[str]:
    changed = [path for path in {**old, **new} if path not in old or path not in new or old[path] != new[path]]
    return sorted("`" + ".".join(path) + "`" for path in changed)


def _listed(path: str, document: dict[str, Any], old: dict[str, Any]) -> Iterator[tuple[str, Added | None]]:
    """Name and what it would add, of every entry; one that stood there before as it is may be of any form."""
    kept = dict(_leaves(old))
    for place, value in _leaves(document):
        if not _is_list(place):
            continue
        before = kept.get(place)
        if isinstance(value, Mapping):
            yield from _poetry(path, value, before if isinstance(before, Mapping) else {})
        else:
            yield from _strings(path, value, before if isinstance(before, list) else [])


def _strings(path: str, value: Any, before: list[Any]) -> Iterator[tuple[str, Added | None]]:
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, str):
            requirement = _requirement(path, entry)
            kept = entry in before
            yield canonicalize_name(requirement.name), None if kept else added_distribution(requirement, path)
        elif entry not in before:
            raise RefusedChangeError(f"{path}: a list of dependencies may only get requirements, not {entry!r:.100}")


def _poetry(path: str, table: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[tuple[str, Added | None]]:
    for name, value in table.items():
        wanted = value if isinstance(value, Mapping) else {"version": value}
        if before.get(name) != value and not (set(wanted) <= _POETRY_KEYS and isinstance(wanted.get("version"), str)):
            raise RefusedChangeError(f"{path}: {name} would come from elsewhere than the index")
        if name != "python":
            added = Added("python", canonicalize_name(name), path) if before.get(name) != value else None
            yield canonicalize_name(name), added


def _requirement(path: str, text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement:
        raise RefusedChangeError(f"{path}: `{text[:100]}` is no requirement") from None
