"""The dependencies of a PEP 621 `pyproject.toml`, edited with tomlkit: comments, order and layout stay."""

from __future__ import annotations

import tomlkit
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array, Table

_MARK = "\ufeff"


class NotPep621Error(Exception):
    """The file does not list dependencies in the standard place; the message says where they are instead."""


def dependencies(content: bytes) -> list[Requirement]:
    """The listed requirements, unreadable ones left out. Raises NotPep621Error."""
    return [requirement for text in _array(_project(content)) if (requirement := _requirement(str(text)))]


def add(content: bytes, requirement: str) -> bytes:
    """The file with one more dependency: in its place where they are sorted, else the last. Raises NotPep621Error."""
    mark, document = _parse(content)
    project = _project_of(document)
    array = _array(project)
    if "dependencies" not in project:
        project.add("dependencies", array)
    array.insert(_place(array, requirement), requirement)
    return (mark + tomlkit.dumps(document)).encode()


def _parse(content: bytes) -> tuple[str, tomlkit.TOMLDocument]:
    try:
        text = content.decode("utf-8")
        mark = _MARK if text.startswith(_MARK) else ""
        return mark, tomlkit.parse(text.removeprefix(_MARK))
    except (UnicodeDecodeError, TOMLKitError) as error:
        raise NotPep621Error(f"it is no valid TOML: {error}") from None


def _project(content: bytes) -> Table:
    return _project_of(_parse(content)[1])


def _project_of(document: tomlkit.TOMLDocument) -> Table:
    project = document.get("project")
    if not isinstance(project, Table):
        poetry = "poetry" in document.get("tool", {})
        raise NotPep621Error("it lists dependencies for Poetry" if poetry else "it has no table [project]")
    if "dependencies" in project.get("dynamic", []):
        raise NotPep621Error("its dependencies are dynamic: the build system computes them from elsewhere")
    return project


def _array(project: Table) -> Array:
    array = project.get("dependencies", tomlkit.array())
    if not isinstance(array, Array):
        raise NotPep621Error("its `dependencies` is not a list")
    return array


def _requirement(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def _place(array: Array, requirement: str) -> int:
    listed = [_requirement(str(text)) for text in array]
    names = [canonicalize_name(entry.name) if entry else "" for entry in listed]
    if len(names) < 2 or names != sorted(names):
        return len(names)
    return sum(name <= canonicalize_name(Requirement(requirement).name) for name in names)
