"""Private keys in PEM armour: many lines, or one with `\\n` in it, each perhaps behind a prefix of somebody's log."""

from __future__ import annotations

import re

from moonmind.utils.redaction.spans import Span, Undecided

LONGEST = 16 * 1024
"""Bytes of the largest armoured key: RSA of 16,384 bits is 12.6 KB; prefixes of a log come on top."""

ANCHOR = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY"
KIND = "private-key"

_BEGIN = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_NEXT = re.compile(rb"-----(?:BEGIN|(?P<end>END)) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_LINE_END = rb"(?:\r?\n|(?:\\{1,2}r)?\\{1,2}n)"
_CUT_OFF = re.compile(
    rb"""(?: %(end)s (?:[ \t]{0,8} %(end)s)?
             (?: [^\r\n\\]{0,60}? (?<![A-Za-z0-9+/]) (?: [A-Za-z0-9+/]{30,80}={0,2} | [A-Za-z0-9+/]{1,80}={1,2} )
               | [^\r\n\\]{0,60}? (?:Proc-Type|DEK-Info|Version|Comment):[^\r\n\\]{0,80}
               | [A-Za-z0-9+/]{1,80} (?=\s*\Z) )
             [ \t"',|]{0,4} (?=%(end)s|\Z) )*"""
    % {b"end": _LINE_END},
    re.VERBOSE,
)
"""Lines of a body, each with its prefix: full ones, a padded last one, headers, and whatever the text ends with."""


def judge_private_key(buffer: bytes, at: int, final: bool) -> Span | Undecided | None:
    """The whole block; of one whose end is missing, as far as the lines look like a key's."""
    begin = _BEGIN.match(buffer, at)
    if begin is None:
        return None
    furthest = at + LONGEST
    following = _NEXT.search(buffer, begin.end(), furthest)
    if following is not None and following["end"]:
        return Span(KIND, at, following.end())
    if following is None and not final and len(buffer) < furthest:
        return Undecided.WAIT
    furthest = following.start() if following else min(furthest, len(buffer))
    body = _CUT_OFF.match(buffer, begin.end(), furthest)
    assert body is not None  # it may be empty
    return Span(KIND, at, body.end())
