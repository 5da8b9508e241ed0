"""Takes the lines that a run changed over to another version of the same file, as `git add -p` would take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from moonmind.workflows.orchestrator.edits.ranges import changed_ranges

Lines = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines `start` to `end` of the file before, and what another version has in their place."""

    start: int
    end: int
    lines: Lines
    at: int
    """Where these lines begin in the other version."""


def carry(before: bytes, after: bytes, onto: bytes) -> bytes | None:
    """`onto` with what changed between `before` and `after`; None when its own changes are in the way.

    Changes that touch without overlapping are not in each other's way, other than in `git merge-file`: a line that
    somebody appended, and one that the run appended after it, is the usual case. What is there already stays as it is.
    """
    if onto in (before, after):
        return after
    carried = _carry(before, after, onto)
    if carried is None and _carry(after, before, onto) is not None:  # could be taken back: so it is there already
        return onto
    return carried


def _carry(before: bytes, after: bytes, onto: bytes) -> bytes | None:
    base, target = _split(before), _split(onto)
    theirs = _blocks(base, target)
    result = list(target)
    for ours in reversed(_blocks(base, _split(after))):
        if any(_holds(block, ours) for block in theirs):
            continue
        if any(_overlap(block, ours) for block in theirs):
            return None
        start = _place(theirs, ours)
        result[start : start + ours.end - ours.start] = ours.lines
    return b"".join(result) if all(line.endswith(b"\n") for line in result[:-1]) else None


def _split(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True)


def _blocks(base: Lines, other: Lines) -> list[_Block]:
    return [_Block(i1, i2, other[j1:j2], j1) for i1, i2, j1, j2 in changed_ranges(base, other)]


def _holds(theirs: _Block, ours: _Block) -> bool:
    """Whether the other version has our change already."""
    if (theirs.start, theirs.end) == (ours.start, ours.end) and theirs.lines == ours.lines:
        return True
    return ours.start == ours.end and theirs.start <= ours.start <= theirs.end and _contains(theirs.lines, ours.lines)


def _contains(lines: Lines, part: Lines) -> bool:
    return any(lines[start : start + len(part)] == part for start in range(len(lines) - len(part) + 1))


def _overlap(theirs: _Block, ours: _Block) -> bool:
    """Touching is none. A place within lines that the other version has not is one place there, so none either."""
    if ours.start == ours.end and not theirs.lines:
        return False
    return theirs.start < ours.end and ours.start < theirs.end


def _place(theirs: Sequence[_Block], ours: _Block) -> int:
    """Where our change begins in the other version. A gap counts as right after the line before it where that line is
    common, else as after what stands in place of that line."""
    shift = 0
    for block in theirs:
        if block.start < ours.start < block.end:
            return block.at
        if block.end > ours.start or block.start == block.end == ours.start == ours.end:
            break
        shift = block.at + len(block.lines) - block.end
    return ours.start + shift
