"""Where two sequences of lines differ."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from difflib import SequenceMatcher
from typing import TypeVar

Line = TypeVar("Line", bound=Hashable)


def changed_ranges(base: Sequence[Line], other: Sequence[Line]) -> list[tuple[int, int, int, int]]:
    """`(i1, i2, j1, j2)`: `base[i1:i2]` stands as `other[j1:j2]`. Equal ends are set aside first: the search between
    them is quadratic. Lines that stand nearly everywhere begin no common part (`autojunk`), so a range may be longer
    than it had to be; without that a lock file with many changes takes seconds."""
    head = _equal(base, other)
    tail = _equal(base[head:][::-1], other[head:][::-1])
    matcher = SequenceMatcher(None, base[head : len(base) - tail], other[head : len(other) - tail])
    return [
        (head + i1, head + i2, head + j1, head + j2) for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal"
    ]


def _equal(one: Sequence[Line], other: Sequence[Line]) -> int:
    """How many lines are the same from the beginning."""
    pairs = zip(one, other, strict=False)
    return next((count for count, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))
