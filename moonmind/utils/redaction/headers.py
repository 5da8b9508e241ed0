"""Secrets in a known place: the user part of a URL, a signed query, `Authorization`, `Bearer`, `Cookie`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from moonmind.utils.redaction.spans import Span, Tail


@dataclass(frozen=True, slots=True)
class Place:
    """`anchor` finds it; `text` decides, its group `s` is the secret so far and `tail` goes on."""

    kind: str
    anchor: str
    text: str
    tail: str = r"(?!)"


_TO_QUOTE = r"""[^\r\n"'\\]"""
_NO_PLACEHOLDER = r"(?!\$[{(A-Za-z_]|\*{3}|[<{\[]|%\(|[\w-]{0,20}(?:\.{3}|\xe2\x80\xa6))"
_KNOWN_SCHEMES = r"(?:Basic|Bearer|Token|Digest|ApiKey|Negotiate|NTLM|OAuth|DPoP|GenieKey|AWS4-HMAC-SHA256)"

PLACES = (
    Place(
        "url-password",
        r"://[^\s:/?#@\"'<>\[]{0,128}:[^\s/?#\"'<>@]{1,200}@",
        rf"""://[^\s:/?#@"'<>\[]{{0,128}}:{_NO_PLACEHOLDER}(?P<s>[^\s/?#"'<>]{{1,1024}})@(?=[\w\[.%-])""",
    ),
    Place(
        "url-password",
        r"://[\w%.~+-]{20}",
        r"://(?=[\w%.~+-]{0,250}[0-9])(?P<s>[\w%.~+-]{20,256})@(?=[\w\[])",
    ),
    Place(
        "url-password",
        r"%3[Aa]%2[Ff]%2[Ff]",
        r"""%3[Aa]%2[Ff]%2[Ff][\w.~+-]{0,128}%3[Aa](?P<s>[^\s/?#"'<>&@]{1,512}?)%40(?=\w)""",
    ),
    Place(
        "signature",
        r"[?&;](?i:[a-z0-9_-]{0,24}signature|sig)=",
        r"""[?&;](?i:[a-z0-9_-]{0,24}signature|sig)=(?P<s>[\w%+/=.~-]{16})""",
        r"[\w%+/=.~-]",
    ),
    Place(
        "authorization",
        r"""(?i:authorization)\\{0,3}["']?[ \t]{0,3}[:=][ \t]{0,3}\\{0,3}["']?[^\s"'\\]""",
        rf"""(?i:authorization)(?:\\{{0,3}}["'])?[ \t]{{0,3}}[:=][ \t]{{0,3}}(?:\\{{0,3}}["'])?
             (?:(?i:{_KNOWN_SCHEMES})[ \t]+{_NO_PLACEHOLDER}(?P<s>[^\s"'\\]{{6}})
              |{_NO_PLACEHOLDER}(?=[^\s"'\\]{{0,40}}[0-9])(?P<t>[^\s"'\\]{{8}}))""",
        _TO_QUOTE,
    ),
    Place(
        "bearer-token",
        r"(?i:bearer)[ \t]{1,3}[\w.~+/=-]{16}",
        r"(?<!\w)(?i:bearer)[ \t]{1,3}(?=[\w.~+/=-]{0,80}[0-9])(?P<s>[\w.~+/=-]{16})",
        r"[\w.~+/=-]",
    ),
    Place(
        "cookie",
        r"""(?i:cookie)\\{0,3}["']?[ \t]{0,3}:""",
        r"""(?i:cookie)(?:\\{0,3}["'])?[ \t]{0,3}:[ \t]{0,3}(?:\\{0,3}["'])?
             (?P<s>[\w!\#$%&*+.^|~-]{1,64}=[^\s;"'\\]{2})""",
        _TO_QUOTE,
    ),
)

ANCHORS = tuple(place.anchor for place in PLACES)

_RULES = tuple(
    (place.kind, re.compile(re.sub(r"\n\s*", "", place.text).encode()), Tail(re.compile(f"(?:{place.tail})*".encode())))
    for place in PLACES
)


def judge_place(buffer: bytes, at: int, final: bool) -> Span | None:
    """A secret in a place that begins here."""
    for kind, pattern, tail in _RULES:
        if found := pattern.match(buffer, at):
            start = max(found.start(group) for group in found.re.groupindex)
            return Span(kind, start, found.end("s") if found["s"] else found.end(), tail)
    return None
