"""requirements.txt, read the way pip does and edited line by line; every other byte stays.

The format is pip's own ("Requirements File Format" in its documentation). pip offers no parser for it, so the logical
lines are told apart here and `packaging` reads the requirements in them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from moonmind.workflows.orchestrator.edits.requirement_text import Wanted, change
from moonmind.workflows.orchestrator.edits.text_files import TextFile, read_text_file

EntryKind = Literal["requirement", "include", "constraint", "option", "link"]

_COMMENT = re.compile(r"(^|\s+)#.*$")
_INCLUDE = re.compile(r"^(?P<option>-r|--requirement|-c|--constraint)(?:\s+|\s*=\s*|(?=[^\s-]))(?P<target>\S.*)$")
_LINE_OPTIONS = re.compile(r"\s+--?[a-z].*$")
_HASHES = re.compile(r"(?:[ \t]|\\\r?\n)*--hash[ =]\S+")
_ANNOTATION = re.compile(r"[ \t]+#")
_EGG = re.compile(r"[#&]egg=(?P<name>[\w.-]+)")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
"""A normalised name (PyPA's specification "Names and normalization")."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One logical line that means something. `start` and `end` count physical lines from 0, `end` excluded."""

    kind: EntryKind
    start: int
    end: int
    text: str
    requirement: Requirement | None = None
    target: str | None = None

    @property
    def name(self) -> str | None:
        """The normalised name of the distribution that this line asks for, as far as the line says."""
        if self.requirement is not None:
            return canonicalize_name(self.requirement.name)
        return _name_of_link(self.text) if self.kind == "link" else None

    @property
    def is_hashed(self) -> bool:
        """True when pip will check every file against hashes because of this line."""
        is_asked = self.kind in ("requirement", "link")
        return (is_asked and "--hash" in self.text) or self.text.startswith("--require-hashes")


@dataclass(frozen=True, slots=True)
class RequirementsFile:
    """A parsed file: its text and its entries in order."""

    text: TextFile
    entries: tuple[Entry, ...]

    @property
    def is_hashed(self) -> bool:
        """True when a line without hashes would make pip refuse the whole file."""
        return any(entry.is_hashed for entry in self.entries)

    @property
    def unhashed(self) -> list[Entry]:
        """The lines because of which pip refuses a file that is locked with hashes."""
        asked = [entry for entry in self.entries if entry.kind in ("requirement", "link")]
        return [entry for entry in asked if not entry.is_hashed] if self.is_hashed else []

    @property
    def requirements(self) -> list[Entry]:
        """The lines that name a distribution from the index."""
        return [entry for entry in self.entries if entry.requirement is not None and entry.requirement.url is None]

    def find(self, distribution: str) -> Entry | None:
        """The first line that asks for the distribution."""
        wanted = canonicalize_name(distribution)
        return next((entry for entry in self.entries if entry.name == wanted), None)


def parse(content: bytes) -> RequirementsFile:
    """Parse any bytes: what pip would not understand is an entry of kind `link` without a name."""
    text = read_text_file(content)
    return RequirementsFile(text, tuple(_entry(*logical) for logical in _logical_lines(text.lines)))


def add(content: bytes, requirement: str) -> bytes:
    """The file with one more line: in its place where the lines are sorted, else after the last requirement."""
    parsed = parse(content)
    return parsed.text.insert(place(parsed, Requirement(requirement).name), requirement).to_bytes()


def pin(content: bytes, to: Wanted) -> bytes:
    """The file with other extras or versions in every line that names the distribution; the same bytes when none does.

    Hashes go, since they are of another version's files: whoever owns the lock makes the new ones.
    """
    text = read_text_file(content)
    for entry in reversed(_named(parse(content), to.name)):
        if entry.requirement is None:
            continue
        before = "".join(text.lines[entry.start : entry.end])
        after = change(before, to)
        if after is not None and after != before:
            text = text.replace(entry.start, entry.end, _HASHES.sub("", after))
    return text.to_bytes()


def remove(content: bytes, distribution: str) -> bytes:
    """The file without the lines that name the distribution, and without the indented comments that a compiler wrote
    below them; the same bytes when no line does."""
    text = read_text_file(content)
    for entry in reversed(_named(parse(content), distribution)):
        text = text.replace(entry.start, _after(text, entry), "")
    return text.to_bytes()


def _named(parsed: RequirementsFile, distribution: str) -> list[Entry]:
    wanted = canonicalize_name(distribution)
    return [entry for entry in parsed.entries if entry.name == wanted]


def resolve(file: str, target: str) -> str | None:
    """The workspace path of an included file; None when it is no file of the workspace."""
    if "://" in target or target.startswith("/") or "\\" in target:
        return None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(file), target))
    return None if path.startswith("..") else path


def _logical_lines(lines: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """(start, end, text) without comments, continuation lines joined, blanks left out."""
    start, parts = 0, ""
    for index, raw in enumerate(lines):
        line = raw.rstrip("\r\n")
        start = start if parts else index
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            parts += line[:-1] + " "
            continue
        text = _COMMENT.sub("", parts + line).strip()
        parts = ""
        if text:
            yield start, index + 1, text
    if parts.strip():
        yield start, len(lines), parts.strip()


def _entry(start: int, end: int, text: str) -> Entry:
    if include := _INCLUDE.match(text):
        kind: EntryKind = "include" if include["option"] in ("-r", "--requirement") else "constraint"
        return Entry(kind, start, end, text, target=include["target"].strip())
    if text.startswith(("-e", "--editable")):
        return Entry("link", start, end, text)
    if text.startswith("-"):
        return Entry("option", start, end, text)
    try:
        return Entry("requirement", start, end, text, requirement=Requirement(_LINE_OPTIONS.sub("", text)))
    except InvalidRequirement:
        return Entry("link", start, end, text)


def _name_of_link(text: str) -> str | None:
    """What a link says of itself may be no name; pip then names it otherwise or refuses it."""
    if egg := _EGG.search(text):
        name: str = canonicalize_name(egg["name"].strip("._-"))
    else:
        try:
            name = parse_wheel_filename(text.partition("#")[0].rpartition("/")[2])[0]
        except InvalidWheelFilename:
            return None
    return name if _NAME.fullmatch(name) else None


def place(parsed: RequirementsFile, distribution: str) -> int:
    """The index of the physical line before which a new one belongs."""
    listed = parsed.requirements
    if not listed:
        return len(parsed.text.lines)
    names = [entry.name or "" for entry in listed]
    name = canonicalize_name(distribution)
    if len(names) < 2 or names != sorted(names):
        return _after(parsed.text, listed[-1])
    before = [entry for entry in listed if (entry.name or "") <= name]
    return _after(parsed.text, before[-1]) if before else listed[0].start


def _after(text: TextFile, entry: Entry) -> int:
    """The line after an entry and after the indented comments that a compiler wrote below it."""
    end = entry.end
    while end < len(text.lines) and _ANNOTATION.match(text.lines[end]):
        end += 1
    return end
