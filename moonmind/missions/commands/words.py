"""Plain text for people: as wide as it looks on a terminal, wide characters too, and never wider than asked."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence

NARROWEST, WIDEST = 80, 120
GAP = "  "
_CUT = "…"


def screen_width() -> int:
    """Columns to draw in: what `COLUMNS` or the terminal says, within 80 and 120; 80 where nobody says."""
    told = os.environ.get("COLUMNS", "")
    return min(max(int(told) if told.isdecimal() else _terminal_width(), NARROWEST), WIDEST)


def _terminal_width() -> int:
    try:
        return os.get_terminal_size(1).columns
    except OSError:
        return NARROWEST


def plain(text: str) -> str:
    """Somebody else's text on one line, without control characters."""
    return "".join(char if char.isprintable() else " " for char in text)


def width_of(text: str) -> int:
    """Columns of a terminal that it takes."""
    return len(text) if text.isascii() else sum(map(_char_width, text))


def _char_width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, width: int) -> str:
    """At most that wide; what was cut ends with `…`."""
    return text if width_of(text) <= width else _head(text, width - 1).rstrip() + _CUT


def pad(text: str, width: int) -> str:
    """At least that wide."""
    return text + " " * (width - width_of(text))


def fold(text: str, width: int, *, lines: int) -> list[str]:
    """Broken between words, also within one that is too long; what does not go into so many lines is cut."""
    found: list[str] = []
    rest = text.strip()
    while rest and len(found) < lines - 1 and width_of(rest) > width:
        line = _line(rest, width)
        found.append(line.rstrip())
        rest = rest[len(line) :].lstrip()
    return [*found, cut(rest, width)] if rest else found


def table(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    """Columns as wide as what is in them; the widest gives way where all do not fit."""
    cells = [[plain(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(width_of, column)) for column in zip(*cells, strict=True)]
    spare = width - sum(widths) - len(GAP) * (len(widths) - 1)
    if spare < 0:
        widest = widths.index(max(widths))
        widths[widest] = max(widths[widest] + spare, len(header[widest]))
    return "\n".join(_row(row, widths) for row in cells)


def beside(columns: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Columns of lines, each `width` wide, side by side."""
    for number in range(max(map(len, columns), default=0)):
        yield _row([column[number] if number < len(column) else "" for column in columns], [width] * len(columns))


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(pad(cut(cell, width), width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _line(text: str, width: int) -> str:
    """The words that go into a line, or as much of the first as does."""
    head = _head(text, width)
    if text[len(head) : len(head) + 1] == " " or " " not in head.strip():
        return head
    return head[: head.rindex(" ")]


def _head(text: str, width: int) -> str:
    """The longest beginning of at most that width; at least one character."""
    taken = 0
    for index, char in enumerate(text):
        taken += _char_width(char)
        if taken > width and index:
            return text[:index]
    return text
