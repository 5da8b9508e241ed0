"""A unified diff as something to look at: files, hunks, lines with their numbers, and pairs of lines side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Literal

from moonmind.workflows.orchestrator.edits import DiffLine, LineKind, walk_diff

MOST_LINES = 3000
"""Lines of a diff that are shown; the whole is a download."""
LONGEST_LINE = 2000
SIMILAR = 0.3
"""How much of two lines must be the same before the rest is marked as what changed."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its number before and after; `parts`: its text in pieces, and whether each is what changed."""

    kind: LineKind
    old: int | None
    new: int | None
    parts: tuple[tuple[str, bool], ...]

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(part for part, _ in self.parts)


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that stand together; `pairs` are the same lines side by side."""

    header: str
    lines: tuple[Line, ...]
    pairs: tuple[tuple[Line | None, Line | None], ...]


@dataclass(frozen=True, slots=True)
class FileDiff:
    """What happens to one file."""

    path: str
    change: Literal["changed", "new", "removed"]
    hunks: tuple[Hunk, ...]

    @property
    def added(self) -> int:
        """How many lines come."""
        return sum(line.kind == "added" for hunk in self.hunks for line in hunk.lines)

    @property
    def removed(self) -> int:
        """How many lines go."""
        return sum(line.kind == "removed" for hunk in self.hunks for line in hunk.lines)


@dataclass(frozen=True, slots=True)
class Diff:
    """All of it; `left_out`: lines that are too many to show."""

    files: tuple[FileDiff, ...]
    left_out: int = 0


def parse_diff(text: str) -> Diff:
    """Its files and their hunks; what comes before the first file, or belongs to none, is left out."""
    lines = text.removesuffix("\n").split("\n")
    shown, left_out = lines[:MOST_LINES], max(0, len(lines) - MOST_LINES)
    files: list[FileDiff] = []
    before = ""
    for header, body in _parts(walk_diff(shown)):
        if header.kind == "hunk":
            if files:
                files[-1] = replace(files[-1], hunks=(*files[-1].hunks, _hunk(header.text, body)))
        elif header.text.startswith("--- "):
            before = header.text[4:]
        elif header.text.startswith("+++ "):
            files.append(_file(before, header.text[4:], ()))
    return Diff(tuple(files), left_out)


def _parts(lines: Iterable[DiffLine]) -> list[tuple[DiffLine, list[Line]]]:
    """Each line outside of hunks and each hunk's header, with the lines that the header counts."""
    parts: list[tuple[DiffLine, list[Line]]] = []
    for line in lines:
        if line.kind in ("outside", "hunk"):
            parts.append((line, []))
        else:
            parts[-1][1].append(Line(line.kind, line.old, line.new, ((_cut(line.text), False),)))
    return parts


def _file(before: str, after: str, hunks: tuple[Hunk, ...]) -> FileDiff:
    if before == "/dev/null":
        return FileDiff(after.removeprefix("b/"), "new", hunks)
    if after == "/dev/null":
        return FileDiff(before.removeprefix("a/"), "removed", hunks)
    return FileDiff(after.removeprefix("b/"), "changed", hunks)


def _hunk(header: str, body: Iterable[Line]) -> Hunk:
    marked = [_mark(block) for block in _blocks(body)]
    lines = tuple(line for removed, added, same in marked for line in (*removed, *added, *same))
    return Hunk(header, lines, tuple(pair for block in marked for pair in _side_by_side(block)))


Block = tuple[list[Line], list[Line], list[Line]]


def _blocks(lines: Iterable[Line]) -> Iterator[Block]:
    """Lines that go, those that come instead, and what follows unchanged."""
    removed: list[Line] = []
    added: list[Line] = []
    for line in lines:
        if line.kind in ("removed", "added"):
            if line.kind == "removed" and added:
                yield removed, added, []
                removed, added = [], []
            (removed if line.kind == "removed" else added).append(line)
        else:
            yield removed, added, [line]
            removed, added = [], []
    if removed or added:
        yield removed, added, []


def _mark(block: Block) -> Block:
    """What changed within lines that stand opposite each other."""
    removed, added, same = block
    pairs = [_mark_pair(old, new) for old, new in zip(removed, added, strict=False)]
    number = len(pairs)
    return [old for old, _ in pairs] + removed[number:], [new for _, new in pairs] + added[number:], same


def _mark_pair(old: Line, new: Line) -> tuple[Line, Line]:
    before, after = old.text, new.text
    shorter = min(len(before), len(after))
    start = next((n for n in range(shorter) if before[n] != after[n]), shorter)
    end = next((n for n in range(shorter - start) if before[-1 - n] != after[-1 - n]), shorter - start)
    if not shorter or (start + end) / max(len(before), len(after)) < SIMILAR:
        return old, new
    return _marked(old, start, end), _marked(new, start, end)


def _marked(line: Line, start: int, end: int) -> Line:
    text = line.text
    stop = len(text) - end
    parts = ((text[:start], False), (text[start:stop], True), (text[stop:], False))
    return Line(line.kind, line.old, line.new, tuple(part for part in parts if part[0]) or (("", False),))


def _side_by_side(block: Block) -> Iterator[tuple[Line | None, Line | None]]:
    removed, added, same = block
    yield from zip_longest(removed, added)
    for line in same:
        yield line, line


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + "…"
