"""Edits of what a manifest asks for, in each of the manifests' formats."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from packaging.utils import canonicalize_name

from moonmind.schemas.workflow_models import Edit
from moonmind.workflows.orchestrator.edits import pyproject_toml, requirements_txt
from moonmind.workflows.orchestrator.edits.refusal import EditRefusedError
from moonmind.workflows.orchestrator.edits.requirement_text import Wanted, read_wanted

_FOR_PIP = re.compile(r"\.(?:txt|in)$|(?:^|/)(?:requirements|constraints)[^/]*\.lock$")
"""Files in pip's format by their names; other tools' locks have formats of their own."""


def is_listed(file: str, content: bytes, distribution: str) -> bool:
    """True when the manifest itself asks for the distribution, whatever the version and marker."""
    if _is_pyproject(file):
        wanted = canonicalize_name(distribution)
        return any(canonicalize_name(listed.name) == wanted for listed in pyproject_toml.dependencies(content))
    return requirements_txt.parse(content).find(distribution) is not None


def refuse_unhashed(files: Mapping[str, bytes]) -> None:
    """Raise EditRefusedError for a file that is locked with hashes and has a line without one: pip refuses it whole."""
    for path, content in files.items():
        unhashed = requirements_txt.parse(content).unhashed if _FOR_PIP.search(path) else []
        if unhashed:
            raise EditRefusedError(
                f"{path} is locked with hashes: add `{unhashed[0].text}` to its source and compile it again with the "
                "tool that made it, so that every file it installs is hashed too"
            )


def _add(content: bytes, edit: Edit) -> bytes:
    wanted = _wanted(edit)
    try:
        if is_listed(edit.file, content, wanted.name):
            return content
        requirement = f"{edit.name}{edit.version or ''}"
        if _is_pyproject(edit.file):
            after = pyproject_toml.add(content, requirement)
        else:
            after = requirements_txt.add(content, requirement)
        listed = is_listed(edit.file, after, wanted.name)
    except pyproject_toml.NotPep621Error as error:
        raise EditRefusedError(f"{edit.file} is not edited: {error}") from None
    if not listed:
        raise EditRefusedError(f"{edit.file} would not parse after the edit")
    return after


def _pin(content: bytes, edit: Edit) -> bytes:
    wanted = _wanted(edit)
    try:
        pin = pyproject_toml.pin if _is_pyproject(edit.file) else requirements_txt.pin
        after = pin(content, wanted)
    except pyproject_toml.NotPep621Error as error:
        raise EditRefusedError(f"{edit.file} is not edited: {error}") from None
    probes = (Wanted(wanted.name, None, version) for version in ("==0", "==1"))
    if after == content and all(pin(content, probe) == content for probe in probes):
        raise EditRefusedError(f"{edit.file} has no line for {wanted.name} that takes a version of the index")
    return after


def _remove(content: bytes, edit: Edit) -> bytes:
    wanted = _wanted(edit)
    try:
        remove = pyproject_toml.remove if _is_pyproject(edit.file) else requirements_txt.remove
        after = remove(content, wanted.name)
    except pyproject_toml.NotPep621Error as error:
        raise EditRefusedError(f"{edit.file} is not edited: {error}") from None
    if after == content:
        raise EditRefusedError(f"{edit.file} does not list {wanted.name}")
    return after


def _wanted(edit: Edit) -> Wanted:
    try:
        return read_wanted(edit.name or "", edit.version)
    except ValueError as error:
        raise EditRefusedError(f"{edit.file} is not edited: {error}") from None


def _is_pyproject(file: str) -> bool:
    return file.rpartition("/")[2] == "pyproject.toml"


REQUIREMENT_EDITORS: Mapping[str, Callable[[bytes, Edit], bytes]] = {
    "requirement_add": _add,
    "requirement_pin": _pin,
    "requirement_remove": _remove,
}
