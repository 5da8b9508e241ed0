"""Whole lines of a file replaced by others: how a change made elsewhere (by a lock tool, an agent) is planned."""

from __future__ import annotations

from moonmind.schemas.workflow_models import Edit
from moonmind.workflows.orchestrator.edits.ranges import changed_ranges

CHANGE_LIMIT = 1024 * 1024
"""Characters of old and new text together: a plan that nobody could read is none."""


class NotReplaceableError(Exception):
    """The text is not there exactly once, or is no text; the message says which, for people."""


def replace(content: bytes | None, edit: Edit) -> bytes:
    """The file after the edit; `content` None: it is made. Raises NotReplaceableError."""
    old, new = edit.old or "", edit.new or ""
    if content is None or not old:
        if content is None and not old:
            return new.encode()
        raise NotReplaceableError(f"{edit.file} {'does not exist' if content is None else 'exists already'}")
    text = _text(content, edit.file)
    places = _places(text, old)
    if len(places) != 1:
        raise NotReplaceableError(f"{edit.file} holds the lines to replace {len(places)} times, not once")
    return (text[: places[0]] + new + text[places[0] + len(old) :]).encode()


def replacements(file: str, before: bytes | None, after: bytes, reason: str) -> list[Edit]:
    """Edits that turn `before` (None: no file) into `after`, none when they are equal. Raises NotReplaceableError."""
    if before == after:
        return []
    if before is None:
        return _checked([_edit(file, "", _text(after, file), reason)])
    old, new = _lines(_text(before, file)), _lines(_text(after, file))
    edits = [_edit(file, *_unique(old, new, *block), reason) for block in changed_ranges(old, new)]
    return _checked(edits if _gives(before, edits, after) else [_edit(file, _text(before, file), "".join(new), reason)])


def _checked(edits: list[Edit]) -> list[Edit]:
    size = sum(len(edit.old or "") + len(edit.new or "") for edit in edits)
    if size > CHANGE_LIMIT:
        raise NotReplaceableError(f"the change to {edits[0].file} is {size} characters long, over {CHANGE_LIMIT}")
    return edits


def _unique(old: list[str], new: list[str], i1: int, i2: int, j1: int, j2: int) -> tuple[str, str]:
    """The block with as many common lines around it as make its old text the only one of its kind."""
    text = "".join(old)
    while i1 == i2 or len(_places(text, "".join(old[i1:i2]))) != 1:
        if i1 > 0 and j1 > 0 and old[i1 - 1] == new[j1 - 1]:
            i1, j1 = i1 - 1, j1 - 1
        elif i2 < len(old) and j2 < len(new) and old[i2] == new[j2]:
            i2, j2 = i2 + 1, j2 + 1
        else:
            break  # what `_gives` then notices
    return "".join(old[i1:i2]), "".join(new[j1:j2])


def _gives(before: bytes, edits: list[Edit], after: bytes) -> bool:
    """Whether the edits, one after the other, come to the same."""
    content = before
    try:
        for edit in edits:
            content = replace(content, edit)
    except NotReplaceableError:
        return False
    return content == after


def _places(text: str, old: str) -> list[int]:
    """Where `old` stands at the beginning of a line, ending with one; at most two of them."""
    found: list[int] = []
    place = text.find(old)
    while place >= 0 and len(found) < 2:
        end = place + len(old)
        if (place == 0 or text[place - 1] == "\n") and (old.endswith("\n") or end == len(text)):
            found.append(place)
        place = text.find(old, place + 1)
    return found


def _edit(file: str, old: str, new: str, reason: str) -> Edit:
    return Edit(kind="text_replace", file=file, old=old, new=new, reason=reason)


def _text(content: bytes, file: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise NotReplaceableError(f"{file} is no UTF-8 text") from None


def _lines(text: str) -> list[str]:
    """Split at line feeds only: other line ends are part of a line."""
    parts = text.split("\n")
    return [part + "\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
