"""Logs in HTML: colours of a terminal as classes, everything else that a terminal would obey taken out or spelled out.

Whoever writes a log may be hostile: no sequence can hide text, open a link or leave the element it is shown in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from markupsafe import Markup

from api_service.ui.views.text import visible

LONGEST_LINE = 4000
MOST_LINES = 5000
"""Characters of a line and lines of a log that are shown; the whole is a download."""

_SEQUENCE = re.compile(
    r"\x1b\[([0-?]{0,64})[ -/]{0,8}([@-~])"  # control sequences; `m` sets the colours
    r"|\x1b[\]PX^_][^\x07\x1b\n]{0,4096}(?:\x07|\x1b\\)"  # titles, links and other strings, only when they end
    r"|\x1b[ -/]{0,8}[0-OQ-WYZ\\`-~]"  # two-character sequences
)


@dataclass(frozen=True, slots=True)
class Style:
    """How text looks: colours 0 to 15 of a terminal, None for its own."""

    fg: int | None = None
    bg: int | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False

    def classes(self) -> str:
        """The classes of app.css that say so."""
        named = {"b": self.bold, "d": self.dim, "i": self.italic, "u": self.underline}
        colours = [f"{kind}{number}" for kind, number in (("fg", self.fg), ("bg", self.bg)) if number is not None]
        return " ".join([*colours, *(name for name, on in named.items() if on)])


PLAIN = Style()


def render_log(text: str) -> Markup:
    """The log as the content of a `pre`: its last lines, each cut where it is too long."""
    lines = text.split("\n")
    left_out = max(0, len(lines) - MOST_LINES)
    rendered, style = [], PLAIN
    for line in lines[left_out:]:
        html, style = render_line(line, style)
        rendered.append(html)
    note = [Markup('<span class="log-note">{:,} earlier lines are not shown</span>').format(left_out)]
    return Markup("\n").join([*(note if left_out else []), *rendered])


def render_line(line: str, style: Style = PLAIN) -> tuple[Markup, Style]:
    """One line, begun in a style, and the style in which it ends."""
    shown = line.rstrip("\r").rpartition("\r")[2]  # what a terminal would show of a progress bar
    rest = max(0, len(shown) - LONGEST_LINE)
    runs = list(_runs(shown[:LONGEST_LINE], style))
    pieces = [_span(text, one) for text, one in runs]
    if rest:
        pieces.append(Markup('<span class="log-note"> … {:,} more characters</span>').format(rest))
    return Markup("").join(pieces), runs[-1][1]


def _runs(text: str, style: Style) -> Iterator[tuple[str, Style]]:
    """Text between sequences, with its style; always ends with the style in force."""
    end = 0
    for found in _SEQUENCE.finditer(text):
        yield text[end : found.start()], style
        if found.group(2) == "m":
            style = _set(style, found.group(1))
        end = found.end()
    yield text[end:], style


def _span(text: str, style: Style) -> Markup:
    if not text:
        return Markup("")
    classes = style.classes()
    return Markup('<span class="{}">{}</span>').format(classes, visible(text)) if classes else visible(text)


def _set(style: Style, parameters: str) -> Style:
    """The style after an SGR sequence; what it does not know changes nothing."""
    codes = [int(code) if code.isdigit() else 0 for code in re.split("[;:]", parameters)] or [0]
    while codes:
        code = codes.pop(0)
        if code in (38, 48):
            colour, codes = _extended(codes)
            style = replace(style, fg=colour) if code == 38 else replace(style, bg=colour)
        else:
            style = _set_one(style, code)
    return style


def _set_one(style: Style, code: int) -> Style:
    switches = {1: {"bold": True}, 2: {"dim": True}, 3: {"italic": True}, 4: {"underline": True}}
    switches |= {22: {"bold": False, "dim": False}, 23: {"italic": False}, 24: {"underline": False}}
    if code == 0:
        return PLAIN
    if code in switches:
        return replace(style, **switches[code])
    return _coloured(style, code)


def _coloured(style: Style, code: int) -> Style:
    """30 to 37 and 90 to 97 colour the text, 40 to 47 and 100 to 107 its ground; 39 and 49 take that back."""
    bright, base = (8, code - 60) if code >= 90 else (0, code)
    colour = None if code in (39, 49) else base % 10 + bright
    if colour is not None and base % 10 > 7:
        return style
    match base // 10:
        case 3:
            return replace(style, fg=colour)
        case 4:
            return replace(style, bg=colour)
        case _:
            return style


def _extended(codes: list[int]) -> tuple[int | None, list[int]]:
    """The nearest of sixteen colours, and the codes that follow."""
    if codes[:1] == [5] and len(codes) > 1:
        return _of_256(codes[1]), codes[2:]
    if codes[:1] == [2] and len(codes) > 3:
        return _nearest(codes[1], codes[2], codes[3]), codes[4:]
    return None, []


def _of_256(number: int) -> int:
    if number < 16:
        return number
    if number >= 232:
        level = 8 + (number - 232) * 10
        return _nearest(level, level, level)
    cube = number - 16
    return _nearest(*(0 if part == 0 else 55 + part * 40 for part in (cube // 36, cube // 6 % 6, cube % 6)))


def _nearest(red: int, green: int, blue: int) -> int:
    bright = 8 if max(red, green, blue) > 200 else 0
    return bright + (red > 110) + 2 * (green > 110) + 4 * (blue > 110)
