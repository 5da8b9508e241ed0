"""Applies typed edits to copies of files. Pure: bytes in, bytes out. An edit that cannot be made well is refused.

`Edit.version` of a requirement is a PEP 440 specifier with its operator ("==3.1.0", ">=3.1"). None: any version for one
that is added, the version it has for one that is pinned (there "" is any). A name may carry extras: "pydantic[email]".
Of a base image `version` is the tag, and `name` the image without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from moonmind.schemas.workflow_models import Edit
from moonmind.workflows.orchestrator.edits import dockerfile, package_json, text_replace
from moonmind.workflows.orchestrator.edits.diffs import DiffLine, LineKind, changed_lines, unified_diff, walk_diff
from moonmind.workflows.orchestrator.edits.dockerfile_text import NotUnderstoodError
from moonmind.workflows.orchestrator.edits.refusal import EditRefusedError
from moonmind.workflows.orchestrator.edits.requirements import REQUIREMENT_EDITORS, is_listed, refuse_unhashed

__all__ = [
    "DiffLine",
    "EditRefusedError",
    "LineKind",
    "apply_edits",
    "changed_lines",
    "is_listed",
    "refuse_unhashed",
    "unified_diff",
    "walk_diff",
]


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
    return _EDITORS[edit.kind](content, edit)


def _replace_text(content: bytes | None, edit: Edit) -> bytes:
    try:
        return text_replace.replace(content, edit)
    except text_replace.NotReplaceableError as error:
        raise EditRefusedError(str(error)) from None


def _add_os_package(content: bytes, edit: Edit) -> bytes:
    try:
        return dockerfile.add_package(content, edit.name or "", stage=edit.stage, before=edit.before)
    except NotUnderstoodError as error:
        raise EditRefusedError(f"{edit.file} is not edited: {error}") from None


def _set_base_image(content: bytes, edit: Edit) -> bytes:
    try:
        return dockerfile.set_base_image(content, edit.name or "", edit.version or "", stage=edit.stage)
    except NotUnderstoodError as error:
        raise EditRefusedError(f"{edit.file} is not edited: {error}") from None


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
    **REQUIREMENT_EDITORS,
    "os_package_add": _add_os_package,
    "base_image_set": _set_base_image,
    "npm_add": _npm_add,
    "npm_pin": _npm_pin,
}
