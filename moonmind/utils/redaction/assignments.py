"""Secrets that are recognised by the name beside them: `password=…`, `"token": "…"`, `API_KEY: …`, `--token …`.

What a name like that is given is often no secret: a variable, a placeholder, a path, a word of prose. Which values are
left alone is decided here, by rules that the tests show on real logs.
"""

from __future__ import annotations

import re

from moonmind.utils.redaction.spans import REACH, Span, Tail

WINDOW = 256
"""Bytes of a value that are looked at; a longer one is a secret or not by its beginning."""

_CORE = (
    r"passw(?:or)?d|passphrase|pwd|secret|token|credentials?|_auth|session[_-]?id|secret_key_base"
    r"|(?:api|access|secret|private|signing|encryption|master|auth|account|shared|service|storage|webhook)[_-]?key"
)
_SIGN = r"[ \t]{0,4}(?:==?|=>|:=?|%3[Dd])"

ANCHOR = rf"""(?i:{_CORE})(?:_?[0-9]{{1,2}})?\\{{0,3}}["']?\]?{_SIGN}[ \t]{{0,4}}[^\s,;)]"""
FLAG_ANCHOR = rf"""--(?:[a-z][a-z_-]{{0,30}}[_-])?(?i:{_CORE})[ \t]"""

_NAME = re.compile(
    rf"""(?P<core>(?i:{_CORE}))(?:_?[0-9]{{1,2}})?(?:\\{{0,3}}["']\]?)?
         (?P<sign>[ \t]{{0,4}}(?:==?|=>|:=?|%3[Dd])[ \t]{{0,4}})(?:[bfru]{{0,2}}(?P<quote>\\{{0,3}}["'`]))?""".encode(),
    re.VERBOSE,
)
_FLAG = re.compile(rf"""--(?:[a-z][a-z_-]{{0,30}}[_-])?(?P<core>(?i:{_CORE}))[ \t]{{1,4}}(?P<quote>["']?)""".encode())

_PLAIN = re.compile(rb"""[^\s"'`,;&(){}\[\]<>|\\]{1,%d}""" % WINDOW)
_PLAIN_TAIL = Tail(re.compile(rb"""[^\s"'`,;&(){}\[\]<>|\\]*"""))
_ESCAPED_TAIL = Tail(re.compile(rb"""[^"'`\\\r\n]*"""))
_QUOTED_TAILS = {
    quote: Tail(re.compile(rb"(?:[^%s\\\r\n]|\\[^\r\n])*" % quote), escapes=True) for quote in (b'"', b"'", b"`")
}

_NO_SECRET = re.compile(
    rb"""(?ix) (?: [:*]+ | x{3,} | (?:\.\.|\xe2\x80\xa6).* | -+ | \#[0-9a-f]{3,8} | \$[a-z_({].* | [<{\[%\$(\\].*
        | none|null|nil|true|false|yes|no|on|off|undefined|unset|empty|required|optional|missing|invalid|expired|unknown
        | hidden|masked|redacted|str|string|bytes|int|integer|text|default|example|changed
        | sha(?:1|224|256|384|512)[:-].* | md5[:-].*
        | [a-z][a-z0-9+.-]{1,20}://.*
        | (?:~|\.{1,2})?/(?-i:[a-z][a-z0-9_.-]*)(?:/.*)? | [a-z]:[\\/].*
        | (?:[a-z0-9]+[_-])*(?:password|passwd|pwd|token|secret|credentials?|key|auth|apikey)s?(?:[_-][a-z]+)* )""",
)
_WORDS = re.compile(rb"[A-Za-z_.:/-]+")
_DOTTED = re.compile(rb"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_NAME_LIKE = re.compile(rb"[A-Za-z_][\w.]*")
_DIGIT, _LETTER = re.compile(rb"[0-9]"), re.compile(rb"[A-Za-z]")
_ENDS = frozenset((b"", *(bytes([end]) for end in b" \t\r\n&;\"'`\\")))
_LINE_ENDS = _ENDS - {b" ", b"\t"}


def judge_assignment(buffer: bytes, at: int, final: bool) -> Span | None:
    """A value that is given to a secret-looking name which ends here."""
    name = _NAME.match(buffer, at)
    if name is None:
        return None
    start, quote = name.end(), name["quote"]
    kind = _kind(name["core"])
    if quote:
        tail = _QUOTED_TAILS[quote] if len(quote) == 1 else _ESCAPED_TAIL
        compared = name["sign"].strip() == b"=="
        return Span(kind, start, start, tail) if _is_quoted_secret(buffer, start, kind, tail, compared) else None
    value = _PLAIN.match(buffer, start)
    if value is None or _NO_SECRET.fullmatch(value[0]):
        return None
    sign, after = name["sign"], buffer[value.end() : value.end() + 1]
    if sign.strip() == b"==" or (_NAME_LIKE.fullmatch(value[0]) and after in (b"(", b"[")):
        return None  # a version or a comparison; a call or an index
    by_equals = sign.strip() != b":" or (name["core"].isupper() and after in _LINE_ENDS)
    tight = sign == sign.strip() or b":" in sign
    likely = _is_given(value[0], after, tight=tight, kind=kind) if by_equals else _is_stated(value[0])
    return Span(kind, start, start, _PLAIN_TAIL) if likely else None


def judge_flag(buffer: bytes, at: int, final: bool) -> Span | None:
    """`--token VALUE` of a command line."""
    flag = _FLAG.match(buffer, at)
    value = _PLAIN.match(buffer, flag.end()) if flag else None
    if flag is None or value is None or _NO_SECRET.fullmatch(value[0]) or not _is_stated(value[0]):
        return None
    tail = _QUOTED_TAILS[flag["quote"]] if flag["quote"] else _PLAIN_TAIL
    return Span(_kind(flag["core"]), flag.end(), flag.end(), tail)


def _kind(core: bytes) -> str:
    name = core.lower()
    if name.startswith((b"pass", b"pwd")):
        return "password"
    return "token" if name == b"token" else "session" if name.startswith(b"session") else "secret"


def _is_quoted_secret(buffer: bytes, start: int, kind: str, tail: Tail, compared: bool) -> bool:
    """A password may be any text; whatever else has a blank in it is prose, and a short word is a name."""
    found = tail.run.match(buffer, start, start + WINDOW)
    value = found[0] if found else b""
    if len(value) < 3 or _NO_SECRET.fullmatch(value):
        return False
    if kind == "password" and not compared:
        return True
    shortest_word = 16 if compared or kind == "token" else 6
    return b" " not in value and (len(value) >= shortest_word or (not compared and bool(_DIGIT.search(value))))


def _is_given(value: bytes, after: bytes, *, tight: bool, kind: str) -> bool:
    """`name=value`: anything but a word of code, a small number or a version."""
    if len(value) < 3 or _DOTTED.fullmatch(value):
        return False
    if _WORDS.fullmatch(value):
        return tight and after in _ENDS and b"." not in value
    if not _LETTER.search(value) and not set(value) - set(b"0123456789._-"):
        return len(value) >= (6 if kind == "password" else 12)
    return tight or len(value) >= 8


def _is_stated(value: bytes) -> bool:
    """`name: value`, which is often prose: only what no word of a sentence looks like."""
    return len(value) >= 6 and bool(_DIGIT.search(value) and _LETTER.search(value)) and not _DOTTED.fullmatch(value)


assert WINDOW * 2 < REACH
