"""The dependencies of a `pyproject.toml`, edited with tomlkit: comments, order and layout stay.

Where they are: `[project]` (PEP 621), else Poetry's own table. A version is changed wherever the file names the
distribution: in optional dependencies, groups (PEP 735, Poetry's) and what uv is given as constraints too.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

import tomlkit
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array, String

from moonmind.workflows.orchestrator.edits import poetry
from moonmind.workflows.orchestrator.edits.requirement_text import Wanted, change

_MARK = "\ufeff"
_UV_LISTS = ("dev-dependencies", "constraint-dependencies", "override-dependencies")


class NotPep621Error(Exception):
    """The file does not list dependencies where they could be edited; the message says why."""


def dependencies(content: bytes) -> list[Requirement]:
    """The listed requirements in PEP 508's words, Poetry's too; unreadable ones left out. Raises NotPep621Error."""
    listed = _dependencies(_parse(content)[1])
    if isinstance(listed, Array):
        return [found for text in listed if (found := _requirement(str(text)))]
    return [found for name in _names(listed) if (found := poetry.requirement(name, listed[name]))]


def add(content: bytes, requirement: str) -> bytes:
    """The file with one more dependency: in its place where a list is sorted, else the last. Raises NotPep621Error."""
    mark, document = _parse(content)
    listed = _dependencies(document)
    if isinstance(listed, Array):
        project = _at(document, "project")
        if "dependencies" not in project:
            project["dependencies"] = listed
            listed = project["dependencies"]
        listed.insert(_place(listed, requirement), requirement)
    else:
        _add_to_table(listed, Requirement(requirement))
    return _written(mark, document, content)


def pin(content: bytes, to: Wanted) -> bytes:
    """The file with other extras or versions wherever it names the distribution; the same bytes when nowhere.

    Raises NotPep621Error.
    """
    mark, document = _parse(content)
    name = canonicalize_name(to.name)
    for listed in _lists(document):
        for index, text in enumerate(listed):
            if _name(str(text)) == name and (changed := change(str(text), to)) is not None:
                listed[index] = _string_like(text, changed)
    for table in _tables(document):
        for key in [key for key in _names(table) if canonicalize_name(key) == name]:
            _pin_in_table(table, key, to)
    return _written(mark, document, content)


def remove(content: bytes, distribution: str) -> bytes:
    """The file without the distribution, wherever it is named; the same bytes when nowhere. Raises NotPep621Error."""
    mark, document = _parse(content)
    name = canonicalize_name(distribution)
    for listed in _lists(document):
        for index in reversed(range(len(listed))):
            if _name(str(listed[index])) == name:
                del listed[index]
    for table in _tables(document):
        for key in [key for key in _names(table) if canonicalize_name(key) == name]:
            del table[key]
    return _written(mark, document, content)


def _parse(content: bytes) -> tuple[str, tomlkit.TOMLDocument]:
    try:
        text = content.decode("utf-8")
        mark = _MARK if text.startswith(_MARK) else ""
        return mark, tomlkit.parse(text.removeprefix(_MARK))
    except (UnicodeDecodeError, TOMLKitError) as error:
        raise NotPep621Error(f"it is no valid TOML: {error}") from None


def _written(mark: str, document: tomlkit.TOMLDocument, before: bytes) -> bytes:
    """New lines end the way the file's lines do."""
    text = tomlkit.dumps(document)
    if before.count(b"\r\n") == before.count(b"\n") > 0:
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    return (mark + text).encode()


def _dependencies(document: tomlkit.TOMLDocument) -> Array | MutableMapping[str, Any]:
    """Where a new one is listed. A list that is not there yet is no part of the document."""
    listed = _at(document, "project", "dependencies")
    if listed is not None and not isinstance(listed, Array):
        raise NotPep621Error("its `dependencies` is not a list")
    poetrys = _at(document, "tool", "poetry", "dependencies")
    if listed is None and isinstance(poetrys, MutableMapping):
        return poetrys
    if listed is None:
        _refuse_without_list(document)
    return listed if listed is not None else tomlkit.array()


def _refuse_without_list(document: tomlkit.TOMLDocument) -> None:
    if _at(document, "project") is None:
        poetry_has_none = _at(document, "tool", "poetry") is not None
        raise NotPep621Error(
            "it has no table of dependencies for Poetry" if poetry_has_none else "it has no table [project]"
        )
    dynamic = _at(document, "project", "dynamic")
    if isinstance(dynamic, Array) and "dependencies" in dynamic:
        raise NotPep621Error("its dependencies are dynamic: the build system computes them from elsewhere")


def _lists(document: tomlkit.TOMLDocument) -> Iterator[Array]:
    project, uv = document.get("project"), _at(document, "tool", "uv")
    found = [_at(project, "dependencies"), *(_at(uv, name) for name in _UV_LISTS)]
    for group in (_at(project, "optional-dependencies"), document.get("dependency-groups")):
        found += group.values() if isinstance(group, MutableMapping) else ()
    yield from (one for one in found if isinstance(one, Array))


def _tables(document: tomlkit.TOMLDocument) -> Iterator[MutableMapping[str, Any]]:
    own = _at(document, "tool", "poetry")
    groups = _at(own, "group")
    found = [_at(own, "dependencies"), _at(own, "dev-dependencies")]
    found += [_at(group, "dependencies") for group in groups.values()] if isinstance(groups, MutableMapping) else []
    yield from (one for one in found if isinstance(one, MutableMapping))


def _at(table: Any, *keys: str) -> Any:
    for key in keys:
        table = table.get(key) if isinstance(table, MutableMapping) else None
    return table


def _names(table: MutableMapping[str, Any]) -> list[str]:
    """What a table of Poetry's names; `python` is none of them."""
    return [key for key in table if key != "python"]


def _add_to_table(table: MutableMapping[str, Any], wanted: Requirement) -> None:
    carets = any(str(_version(table[key])).startswith("^") for key in _names(table))
    version: Any = poetry.constraint(str(wanted.specifier), carets=carets)
    if wanted.extras:
        entry = tomlkit.inline_table()
        entry.update({"version": version, "extras": sorted(wanted.extras)})
        version = entry
    table[wanted.name] = version


def _pin_in_table(table: MutableMapping[str, Any], key: str, to: Wanted) -> None:
    """Of an entry that is a list (one for each Python, say) every part gets the version."""
    entries = table[key] if isinstance(table[key], list) else [table[key]]
    if any(_version(entry) is None for entry in entries):
        return
    carets = any(str(_version(table[name])).startswith("^") for name in _names(table))
    version = None if to.versions is None else poetry.constraint(to.versions, carets=carets and len(entries) == 1)
    for entry in entries:
        if isinstance(entry, MutableMapping):
            entry.update({"version": version} if version is not None else {})
            entry.update({"extras": sorted(to.extras)} if to.extras is not None else {})
        elif to.extras is not None:
            both = tomlkit.inline_table()
            both.update({"version": version or str(entry), "extras": sorted(to.extras)})
            table[key] = both
        elif version is not None:
            table[key] = _string_like(entry, version)


def _version(entry: Any) -> Any:
    return entry.get("version") if isinstance(entry, MutableMapping) else entry


def _string_like(old: Any, text: str) -> String:
    literal = isinstance(old, String) and old.as_string().startswith("'") and "'" not in text
    return tomlkit.string(text, literal=literal)


def _requirement(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def _name(text: str) -> str | None:
    found = _requirement(text)
    return canonicalize_name(found.name) if found else None


def _place(array: Array, requirement: str) -> int:
    names = [_name(str(text)) or "" for text in array]
    if len(names) < 2 or names != sorted(names):
        return len(names)
    return sum(name <= canonicalize_name(Requirement(requirement).name) for name in names)
