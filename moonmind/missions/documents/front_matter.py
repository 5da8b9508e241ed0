"""The front matter of a work package: read strictly, changed key by key. YAML itself: `front_matter_yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Never

import msgspec

from moonmind.missions.documents.front_matter_yaml import BrokenYamlError, Entry, read_entries, write_inline
from moonmind.missions.documents.packages import FrontMatter
from moonmind.missions.errors import MissionError

MAX_BYTES = 64 * 1024
"""A front matter is read at every command; more than this is no list of keys."""

_CHANGED = "the changed front matter"
_BLOCK = re.compile(rb"\A(?:\xef\xbb\xbf)?---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)


def parse_front_matter(content: bytes, name: str) -> FrontMatter:
    """The keys of a package's file; one without a value counts as left out. Raises MissionError `BrokenFrontMatter`
    with the file, and the key and line where they are known."""
    entries = read_keys(content, name, numbers="shell_pid")
    given = {key: entry.value for key, entry in entries.items() if entry.value is not None}
    try:
        return msgspec.convert(given, FrontMatter)
    except msgspec.ValidationError as error:
        _refuse_value(str(error), entries, name)


def read_keys(content: bytes, name: str, *, numbers: str) -> dict[str, Entry]:
    """Of any file that begins with a front matter; `numbers` as in `read_entries`. Raises as `parse_front_matter`."""
    return _read(_split(content, name)[0], name, numbers)


def set_fields(content: bytes, fields: Mapping[str, object]) -> bytes:
    """Replace the blocks of these top-level keys, or add them at the end; every other byte stays, line ends and
    comments too. Values: text, lists of text or of HistoryEntry, None. A key that has its value stays as it is. Raises
    MissionError `BrokenFrontMatter` for what could not be read again, such as a note that is too long."""
    text, (start, end) = _split(content, "the front matter")
    entries = _read(text, "the front matter")
    wanted = {key: msgspec.to_builtins(value) for key, value in fields.items()}
    changed = {key: value for key, value in wanted.items() if key not in entries or entries[key].value != value}
    new = content[:start] + _edit(text, entries, changed).encode() + content[end:]
    _prove(new, {key: entry.value for key, entry in entries.items()} | wanted)
    return new


def _split(content: bytes, name: str) -> tuple[str, tuple[int, int]]:
    """The text between the two lines of dashes, and where it stands."""
    found = _BLOCK.match(content)
    if found is None:
        _refuse(name, "it begins with a front matter between two lines of `---`; write one")
    if len(found[1]) > MAX_BYTES:
        _refuse(name, f"its front matter has more than {MAX_BYTES // 1024} KiB; move text below it")
    try:
        return found[1].decode(), found.span(1)
    except UnicodeDecodeError as error:
        _refuse(name, "it is not UTF-8", line=found[1].count(b"\n", 0, error.start) + 2)


def _read(text: str, name: str, numbers: str = "shell_pid") -> dict[str, Entry]:
    try:
        return read_entries(text, numbers=numbers)
    except BrokenYamlError as error:
        _refuse(name, str(error), line=None if error.line is None else error.line + 1)


def _refuse_value(why: str, entries: Mapping[str, Entry], name: str) -> Never:
    """With the line of the key that msgspec names."""
    unknown = re.search(r"unknown field `(.*?)`$", why)
    found = re.search(r"at `\$\.(\w+)", why) or unknown
    entry = entries.get(found[1]) if found else None
    if unknown:
        why = f"`{unknown[1]}` is no key of a work package: remove it, or write it below the front matter"
    _refuse(name, why, line=entry.line + 1 if entry else None)


def _refuse(name: str, why: str, *, line: int | None = None) -> Never:
    place = name if line is None else f"{name}, line {line}"
    details = {"file": name} if line is None else {"file": name, "line": line}
    raise MissionError("BrokenFrontMatter", f"{place}: {why}", details=details)


def _edit(text: str, entries: Mapping[str, Entry], changed: Mapping[str, object]) -> str:
    """From the last block to the first, so that the places of those before stay right."""
    newline = "\r\n" if "\r\n" in text else "\n"
    first = next(iter(entries.values()))
    indent = text[text.rfind("\n", 0, first.start) + 1 : first.start]
    added = [key for key in changed if key not in entries]
    text += "".join(_dump(key, changed[key], indent, newline) + newline for key in added)
    for key, entry in reversed(list(entries.items())):
        if key in changed:
            dumped = _dump(key, changed[key], indent, newline, comment=_comment(text, entry))
            text = text[: entry.start] + dumped.removeprefix(indent) + text[_end(text, entry) :]
    return text


def _end(text: str, entry: Entry) -> int:
    """Where the line ends on which the value does. A block of text goes on to the line after it."""
    return _line_end(text, entry.start + len(text[entry.start : entry.stop].rstrip(" \t\r\n")))


def _line_end(text: str, place: int) -> int:
    end = text.index("\n", place)
    return end - 1 if text[end - 1] == "\r" else end


def _comment(text: str, entry: Entry) -> str:
    """What stands behind the key and its value on the key's line."""
    end = _line_end(text, entry.start)
    behind = entry.key_end if entry.value_start > end else entry.stop
    found = re.search(r"[ \t]+#[^\r\n]*", text[behind : max(behind, end)])
    return found[0] if found else ""


def _dump(key: str, value: object, indent: str, newline: str, comment: str = "") -> str:
    """`key: value # comment`; of history each entry on a line of its own."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        lines = [f"{key}:{comment}", *(f"- {write_inline(entry)}" for entry in value)]
    else:
        lines = [f"{key}: {write_inline(value)}{comment}"]
    return newline.join(indent + line for line in lines)


def _prove(content: bytes, wanted: Mapping[str, object]) -> None:
    """Nothing is written that would be refused when it is read, or read as something else."""
    try:
        text, _ = _split(content, _CHANGED)
        found = {key: entry.value for key, entry in read_entries(text, numbers="shell_pid").items()}
    except BrokenYamlError:
        found = {}
    if found != wanted:
        _refuse(_CHANGED, "the layout is too unusual to change a key in it: write one key a line")
    parse_front_matter(content, _CHANGED)
