"""Edits of `package.json` that keep every other byte: order, indentation, line endings, byte order mark.

`Edit.version` of `npm_add` and `npm_pin` is an npm range as it is written into the file ("^4.18.2", "4.18.2").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moonmind.workflows.orchestrator.edits.text_files import read_text_file, split_lines

RUNTIME = "dependencies"
DEVELOPMENT = "devDependencies"
SECTIONS = (RUNTIME, DEVELOPMENT, "optionalDependencies", "peerDependencies")
"""Where a package.json names packages (npm's documentation of package.json)."""

_BLANKS = " \t\r\n"
_ORDER = "_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz"
"""Characters as the collation sorts them by which npm writes dependencies (`localeCompare(…, 'en')`, CLDR's root)."""


class NotPackageJsonError(Exception):
    """The file is no package.json that could be edited; the message says why, for people."""


@dataclass(frozen=True, slots=True)
class _Member:
    """One `"name": value` of an object, by its places in the text."""

    name: str
    value: Any
    start: int
    value_start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Object:
    """An object's members; `start` is at its `{`, `end` behind its `}`."""

    start: int
    end: int
    members: tuple[_Member, ...]

    def find(self, name: str) -> _Member | None:
        return next((one for one in self.members if one.name == name), None)


def read(content: bytes) -> Mapping[str, Any]:
    """The document. Raises NotPackageJsonError."""
    text = _text(content)
    return {one.name: one.value for one in _root(text).members}


def dependencies(content: bytes, section: str = RUNTIME) -> Mapping[str, str]:
    """What one section asks for: package → range; empty without that section. Raises NotPackageJsonError."""
    found = read(content).get(section, {})
    if not isinstance(found, Mapping) or not all(isinstance(value, str) for value in found.values()):
        raise NotPackageJsonError(f"its {section} is no table of ranges")
    return found


def add(content: bytes, package: str, wanted: str) -> bytes:
    """With the package among `dependencies`; one that is there stays as it is, a development dependency moves with its
    own range. Raises NotPackageJsonError."""
    if package in dependencies(content):
        return content
    if (developed := dependencies(content, DEVELOPMENT).get(package)) is not None:
        content, wanted = _without(content, DEVELOPMENT, package), developed
    text = _text(content)
    root = _root(text)
    section = root.find(RUNTIME)
    entry = (package, wanted)
    if section is None:
        at, insert = _new_section(text, root, entry)
        return _bytes(content, text[:at] + insert + text[at:])
    inner = _object(text, section.value_start)
    if not inner.members:
        return _bytes(content, text[: inner.start] + _block(text, root, entry) + text[inner.end :])
    return _bytes(content, _inserted(text, inner, entry))


def pin(content: bytes, package: str, wanted: str) -> bytes:
    """With another range wherever the package is listed. Raises NotPackageJsonError when it is not."""
    text = _text(content)
    places = [one for name in SECTIONS if (one := _listed(text, name, package)) is not None]
    if not places:
        raise NotPackageJsonError(f"it does not list {package}")
    for place in sorted(places, key=lambda one: one.value_start, reverse=True):
        text = text[: place.value_start] + json.dumps(wanted) + text[place.end :]
    return _bytes(content, text)


def sorts_before(one: str, other: str) -> bool:
    """Whether npm writes the package `one` before `other`."""
    return _sort_key(one) < _sort_key(other)


def _sort_key(name: str) -> tuple[list[int], str]:
    return [_ORDER.find(char) for char in name.lower()], name.swapcase()


def _listed(text: str, section: str, package: str) -> _Member | None:
    found = _root(text).find(section)
    return _object(text, found.value_start).find(package) if found and isinstance(found.value, dict) else None


def _without(content: bytes, section: str, package: str) -> bytes:
    text = _text(content)
    found = _root(text).find(section)
    inner = _object(text, found.value_start) if found else None
    gone = inner.find(package) if inner else None
    if inner is None or gone is None:
        return content
    index = inner.members.index(gone)
    if len(inner.members) == 1:
        start, end = inner.start + 1, inner.end - 1
    elif index + 1 < len(inner.members):
        start, end = gone.start, inner.members[index + 1].start
    else:
        start, end = inner.members[index - 1].end, gone.end
    return _bytes(content, text[:start] + text[end:])


def _inserted(text: str, inner: _Object, entry: tuple[str, str]) -> str:
    """At its sorted place; behind the last when the members are not sorted as npm does."""
    first = inner.members[0]
    lead = text[inner.start + 1 : first.start]
    if len(inner.members) > 1 and "\n" not in lead:
        lead = text[first.end : inner.members[1].start].lstrip(_BLANKS).removeprefix(",")
    colon = text[first.start + len(_written_name(text, first)) : first.value_start]
    written = json.dumps(entry[0]) + colon + json.dumps(entry[1])
    names = [one.name for one in inner.members]
    is_sorted = names == sorted(names, key=_sort_key)
    later = next((one for one in inner.members if is_sorted and sorts_before(entry[0], one.name)), None)
    if later is None:
        end = inner.members[-1].end
        return text[:end] + "," + lead + written + text[end:]
    return text[: later.start] + written + "," + lead + text[later.start :]


def _written_name(text: str, member: _Member) -> str:
    return text[member.start : json.JSONDecoder().raw_decode(text, member.start)[1]]


def _new_section(text: str, root: _Object, entry: tuple[str, str]) -> tuple[int, str]:
    """Where a table of dependencies is inserted, and its text: as the root's last member, as npm does."""
    block = f'"{RUNTIME}": {_block(text, root, entry)}'
    if not root.members:
        return root.start + 1, f"\n  {block}\n"
    lead = text[root.start + 1 : root.members[0].start]
    return root.members[-1].end, f",{lead}{block}"


def _block(text: str, root: _Object, entry: tuple[str, str]) -> str:
    """A table with one entry, indented as the root's members are."""
    lead = text[root.start + 1 : root.members[0].start] if root.members else "\n  "
    written = f"{json.dumps(entry[0])}: {json.dumps(entry[1])}"
    if "\n" not in lead:
        return "{" + written + "}"
    newline = "\r\n" if "\r\n" in lead else "\n"
    indent = lead.rpartition("\n")[2]
    return "{" + newline + indent * 2 + written + newline + indent + "}"


def _text(content: bytes) -> str:
    file = read_text_file(content)
    if file.encoding != "utf-8":
        raise NotPackageJsonError("it is not UTF-8")
    return "".join(file.lines)


def _bytes(content: bytes, text: str) -> bytes:
    file = read_text_file(content)
    return type(file)(tuple(split_lines(text)), file.mark, file.encoding).to_bytes()


def _root(text: str) -> _Object:
    start = _skip(text, 0)
    root = _object(text, start)
    if text[root.end :].strip(_BLANKS):
        raise NotPackageJsonError("it is no JSON: something follows its end")
    if len({one.name for one in root.members}) != len(root.members):
        raise NotPackageJsonError("it names a key twice")
    return root


def _object(text: str, start: int) -> _Object:
    try:
        return _read_object(text, start)
    except json.JSONDecodeError as error:
        raise NotPackageJsonError(f"it is no JSON: {error.msg} in line {error.lineno}") from None
    except RecursionError:
        raise NotPackageJsonError("it is nested too deeply") from None


def _read_object(text: str, start: int) -> _Object:
    decode = json.JSONDecoder().raw_decode
    _expect(text, start, "{")
    members: list[_Member] = []
    at = _skip(text, start + 1)
    while text[at : at + 1] != "}":
        if members:
            _expect(text, at, ",")
            at = _skip(text, at + 1)
        _expect(text, at, '"')
        name, end = decode(text, at)
        colon = _skip(text, end)
        _expect(text, colon, ":")
        value_start = _skip(text, colon + 1)
        value, value_end = decode(text, value_start)
        members.append(_Member(name, value, at, value_start, value_end))
        at = _skip(text, value_end)
    return _Object(start, at + 1, tuple(members))


def _expect(text: str, at: int, char: str) -> None:
    if text[at : at + 1] != char:
        raise json.JSONDecodeError(f"expected {char}", text, min(at, len(text)))


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANKS:
        at += 1
    return at
