"""Applies typed edits to copies of files. Pure: bytes in, bytes out. An edit that cannot be made well is refused.

`Edit.version` of a requirement is a PEP 440 specifier with its operator ("==3.1.0", ">=3.1"). None: any version for one
that is added, the version it has for one that is pinned (there "" is any). A name may carry extras: "pydantic[email]".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from moonmind.schemas.workflow_models import Edit
from moonmind.workflows.orchestrator.edits import text_replace
from moonmind.workflows.orchestrator.edits.diffs import changed_lines, unified_diff
from moonmind.workflows.orchestrator.edits.refusal import EditRefusedError
from moonmind.workflows.orchestrator.edits.requirements import REQUIREMENT_EDITORS, is_listed, refuse_unhashed

__all__ = ["EditRefusedError", "apply_edits", "changed_lines", "is_listed", "refuse_unhashed", "unified_diff"]


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


Editor = Callable[[bytes, Edit], bytes]
"""A file's bytes after an edit of one kind. Raises EditRefusedError."""

_EDITORS: Mapping[str, Editor] = {**REQUIREMENT_EDITORS}
