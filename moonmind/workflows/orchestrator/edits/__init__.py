"""Applies typed edits to copies of files. Pure: bytes in, bytes out. An edit that cannot be made well is refused.

`Edit.version` of a requirement is a PEP 440 specifier with its operator ("==3.1.0", ">=3.1"), None for any version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from packaging.utils import canonicalize_name

from moonmind.schemas.workflow_models import Edit
from moonmind.workflows.orchestrator.edits import package_json, pyproject_toml, requirements_txt, text_replace
from moonmind.workflows.orchestrator.edits.diffs import changed_lines, unified_diff

__all__ = ["EditRefusedError", "apply_edits", "changed_lines", "is_listed", "unified_diff"]


class EditRefusedError(Exception):
    """An edit that would not leave a sound file; the message says why, for people."""


def apply_edits(files: Mapping[str, bytes], edits: Sequence[Edit]) -> dict[str, bytes]:
    """The files that change, with their new bytes. Raises EditRefusedError; `files` stays as it is."""
    after = dict(files)
    for edit in edits:
        after[edit.file] = _apply(after.get(edit.file), edit)
    return {path: content for path, content in after.items() if content != files.get(path)}


def _apply(content: bytes | None, edit: Edit) -> bytes:
    if edit.kind == "text_replace":
        return _replace_text(content, edit)
    if content is None:
        raise EditRefusedError(f"{edit.file} does not exist")
    if edit.kind not in _EDITORS:
        raise EditRefusedError(f"no editor makes an edit of kind {edit.kind}")
    return _EDITORS[edit.kind](content, edit)


def _replace_text(content: bytes | None, edit: Edit) -> bytes:
    try:
        return text_replace.replace(content, edit)
    except text_replace.NotReplaceableError as error:
        raise EditRefusedError(str(error)) from None


def is_listed(file: str, content: bytes, distribution: str) -> bool:
    """True when the manifest itself asks for the distribution, whatever the version and marker."""
    if _is_pyproject(file):
        wanted = canonicalize_name(distribution)
        return any(canonicalize_name(listed.name) == wanted for listed in pyproject_toml.dependencies(content))
    return requirements_txt.parse(content).find(distribution) is not None


def _add_requirement(content: bytes, edit: Edit) -> bytes:
    try:
        if is_listed(edit.file, content, edit.name or ""):
            return content
        after = _added(content, edit)
        if not is_listed(edit.file, after, edit.name or ""):
            raise EditRefusedError(f"{edit.file} would not parse after the edit")
    except pyproject_toml.NotPep621Error as error:
        raise EditRefusedError(f"{edit.file} is not edited: {error}") from None
    return after


def _added(content: bytes, edit: Edit) -> bytes:
    requirement = f"{edit.name}{edit.version or ''}"
    if _is_pyproject(edit.file):
        return pyproject_toml.add(content, requirement)
    if requirements_txt.parse(content).is_hashed:
        raise EditRefusedError(
            f"{edit.file} is locked with hashes: add {requirement} to its source and compile it again with the tool "
            "that made it, so that every file it installs is hashed too"
        )
    return requirements_txt.add(content, requirement)


def _is_pyproject(file: str) -> bool:
    return file.rpartition("/")[2] == "pyproject.toml"


def _npm_add(content: bytes, edit: Edit) -> bytes:
    return _edit_package_json(package_json.add, content, edit)


def _npm_pin(content: bytes, edit: Edit) -> bytes:
    return _edit_package_json(package_json.pin, content, edit)


def _edit_package_json(change: Callable[[bytes, str, str], bytes], content: bytes, edit: Edit) -> bytes:
    if not edit.name or not edit.version:
        raise EditRefusedError(f"{edit.file} is not edited: an npm dependency needs a name and a range")
    try:
        after = change(content, edit.name, edit.version)
        package_json.read(after)
    except package_json.NotPackageJsonError as error:
        raise EditRefusedError(f"{edit.file} is not edited: {error}") from None
    return after


Editor = Callable[[bytes, Edit], bytes]
"""A file's bytes after an edit of one kind. Raises EditRefusedError."""

_EDITORS: Mapping[str, Editor] = {
    "requirement_add": _add_requirement,
    "npm_add": _npm_add,
    "npm_pin": _npm_pin,
}
