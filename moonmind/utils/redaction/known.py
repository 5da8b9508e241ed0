"""Secrets that this installation knows: which values they are, and the forms in which a program may show them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote, quote_plus, unquote, urlsplit

SHORTEST = 6
"""Characters of a value that can be masked wherever it stands; a shorter one is part of too many words."""
SHORTEST_WORD = 16
"""The same for mere letters or mere digits: `moonmind` is a name in every other line, `20261121` a date."""
SHORTEST_LINE = 20
WRAPPED = (64, 76)
"""Columns at which programs break base64: PEM, MIME (and `base64` of coreutils)."""

_SECRET_NAME = re.compile(
    r"passw|passphrase|(?:^|_)pwd?$|secret|token|credential|(?:^|_)auth(?!or|_sock)|(?:api|access|private|signing|account)_?key"
    r"|_key$|_dsn$|_pat$",
    re.IGNORECASE,
)
_PLAIN_VALUE = re.compile(
    r"(?:true|false|yes|no|none|null|on|off|[0-9.]{1,11}|[~.]{0,2}/[\w.@+-]+(?:/.*)?)", re.IGNORECASE
)
_KIND = re.compile(r"[^a-z0-9]+")


def secrets_of_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Values that variables with secret-looking names have, and the passwords in URLs of any; by name of the mask."""
    found: dict[str, str] = {}
    for name, value in environment.items():
        kind = _KIND.sub("-", name.lower()).strip("-")
        if password := password_of_url(value):
            found[kind] = password
        elif _SECRET_NAME.search(name) and "://" not in value and not _PLAIN_VALUE.fullmatch(value.strip()):
            found[kind] = value
    return found


def password_of_url(text: str) -> str | None:
    """The password in a URL, decoded; None when there is none."""
    try:
        password = urlsplit(text.strip()).password
    except ValueError:
        return None
    return unquote(password) if password else None


def is_tellable(value: str) -> bool:
    """Whether a value is long and odd enough to be masked wherever it stands."""
    least = SHORTEST_WORD if value.isalpha() or value.isdigit() else SHORTEST
    return len(value) >= least and not value.isspace()


def forms_of(value: str) -> frozenset[bytes]:
    """The value as programs show it: plain, escaped, in a URL, in base64. None of them reaches over a line's end.

    Of a value of several lines, its long lines as well: a log may show them one by one.
    """
    plain = value.strip("\r\n")
    shown = {plain, plain.replace("\\", "\\\\").replace("'", "\\'"), quote(plain, safe=""), quote_plus(plain)}
    shown |= {quote(plain), _lower_escapes(quote(plain, safe=""))}
    shown |= {json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1]}
    shown |= set(_lines(plain))
    forms = {form.encode("utf-8", "surrogatepass") for form in shown if "\n" not in form and "\r" not in form}
    raw = plain.encode("utf-8", "surrogatepass")
    for form in _base64_forms(raw):
        forms |= {form, form.replace(b"+", b"-").replace(b"/", b"_")}
    return frozenset(form for form in forms if len(form) >= SHORTEST)


def known_forms(values: Iterable[tuple[str, str]]) -> dict[bytes, str]:
    """Form → kind of mask, of all values that can be told; the first of two kinds with the same value wins."""
    found: dict[bytes, str] = {}
    for kind, value in values:
        if is_tellable(value.strip()):
            for form in forms_of(value):
                found.setdefault(form, kind)
    return found


def _lines(text: str) -> Sequence[str]:
    lines = text.splitlines()
    return [line for line in lines if len(line) >= SHORTEST_LINE and " " not in line] if len(lines) > 1 else []


def _lower_escapes(text: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), text)


def _base64_forms(raw: bytes) -> set[bytes]:
    """The value inside any longer text in base64: at each of three alignments the characters that are its alone."""
    forms = {_aligned(raw, shift) for shift in range(3)}
    whole = base64.b64encode(raw)
    for width in WRAPPED:
        if len(whole) > width:
            pieces = [whole[at : at + width] for at in range(0, len(whole), width)]
            forms |= {piece.rstrip(b"=") for piece in pieces if len(piece) >= SHORTEST_LINE}
    return {form for form in forms if len(form) >= SHORTEST}


def _aligned(raw: bytes, shift: int) -> bytes:
    """Without the first and last characters where those also hold bits of what stands around the value."""
    encoded = base64.b64encode(bytes(shift) + raw)
    whole_characters = (shift + len(raw)) * 8 // 6
    return encoded[-(-shift * 8 // 6) : whole_characters]
