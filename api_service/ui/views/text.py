"""Somebody else's text, made safe to look at: what cannot be seen, or turns the reading direction, is spelled out."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Control characters but tab and line feed, what has no width, and what changes the order of its neighbours."""

CUT = "…"
_NAME = re.compile(r"`([^`\n]{1,200})`")


def visible(text: str) -> Markup:
    """HTML of the text; each hidden character as its code point, such as U+202E."""
    pieces, end = [], 0
    for found in HIDDEN.finditer(text):
        pieces += [escape(text[end : found.start()]), _spelled(found.group())]
        end = found.end()
    return Markup("").join([*pieces, escape(text[end:])])


def prose(text: str) -> Markup:
    """HTML of a sentence of ours, in which names stand between backticks."""
    pieces = _NAME.split(text)  # what stands between names, and the names, in turn
    shown = [Markup("<code>{}</code>").format(visible(p)) if n % 2 else visible(p) for n, p in enumerate(pieces)]
    return Markup("").join(shown)


def one_line(text: str, longest: int = 200) -> str:
    """The text without line ends, cut to `longest` characters."""
    plain = " ".join(text.split())
    return plain if len(plain) <= longest else plain[: longest - 1].rstrip() + CUT


def _spelled(char: str) -> Markup:
    return Markup('<span class="hidden-char">U+{:04X}</span>').format(ord(char))
