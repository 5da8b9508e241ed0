"""The passes together: what is known, exactly; private keys, which no other rule may cut; what looks like a secret."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import re2

from moonmind.utils.redaction import assignments, headers, keys, tokens
from moonmind.utils.redaction.known import known_forms
from moonmind.utils.redaction.scan import Finder, Found, Scan
from moonmind.utils.redaction.spans import REACH, Judge, Span, Undecided

_MEMORY = 64 * 1024 * 1024
"""Bytes that RE2 may keep for the states of one expression; with the ordinary 8 MiB it starts over too often."""
_JUDGES: dict[int, tuple[Judge, ...]] = {
    **dict.fromkeys(b":%?&;", (headers.judge_place,)),
    ord("-"): (assignments.judge_flag,),
}
"""By the first byte of what was found."""
_OTHERWISE: tuple[Judge, ...] = (assignments.judge_assignment, tokens.judge_token, headers.judge_place)


class Redactor:
    """Masks the `known` values (pairs of the mask's name and the value) and what looks like a secret.

    Never changes, so that threads may share it.
    """

    def __init__(self, known: Iterable[tuple[str, str]] = ()) -> None:
        forms = known_forms(known)
        self._known = _Known(forms) if forms else None

    def stream(self, on_found: Found | None = None) -> RedactionStream:
        """For bytes that come in pieces; `on_found` is told of each secret."""
        scans = [Scan(_KEYS, keys.judge_private_key, REACH, on_found), Scan(_LOOKS, _judge_looks, REACH, on_found)]
        if self._known is not None:
            scans.insert(0, Scan(self._known.finder, self._known.judge, self._known.reach, on_found))
        return RedactionStream(scans)

    def data(self, data: bytes) -> bytes:
        """The bytes, masked."""
        stream = self.stream()
        return stream.feed(data) + stream.flush()

    def text(self, text: str) -> str:
        """The text, masked."""
        return self.data(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def value(self, value: Any) -> Any:
        """A JSON value with all its texts masked; the names of its fields stay."""
        match value:
            case str():
                return self.text(value)
            case Mapping():
                return {name: self.value(inner) for name, inner in value.items()}
            case list() | tuple():
                return [self.value(inner) for inner in value]
            case _:
                return value

    def secrets_in(self, text: str) -> Sequence[tuple[str, str]]:
        """Kind and text of each secret."""
        found: list[tuple[str, str]] = []
        stream = self.stream(lambda kind, secret: found.append((kind, secret.decode("utf-8", "replace"))))
        stream.feed(text.encode("utf-8", "surrogatepass"))
        stream.flush()
        return found


class RedactionStream:
    """One stream through all passes. What comes out, all together, is the same however the input was cut."""

    def __init__(self, scans: Sequence[Scan]) -> None:
        self._scans = scans

    def feed(self, data: bytes) -> bytes:
        """What can go out now: finished lines, and of a line without end all but the last few thousand bytes."""
        for scan in self._scans:
            data = scan.feed(data)
        return data

    def flush(self) -> bytes:
        """The rest; the stream is over."""
        data = b""
        for scan in self._scans:
            data = scan.feed(data, final=True)
        return data

    @property
    def counts(self) -> Counter[str]:
        """How many secrets of each kind were masked so far."""
        return sum((scan.counts for scan in self._scans), Counter())


class _Known:
    """The known values' forms: one expression that finds any, and the longest of those that begin at a place."""

    def __init__(self, forms: Mapping[bytes, str]) -> None:
        longest_first = sorted(forms, key=len, reverse=True)
        self._forms = forms
        self._any = re.compile(b"|".join(re.escape(form) for form in longest_first))
        self.finder = _finder(re2.escape(form) for form in longest_first)
        self.reach = max(REACH, len(longest_first[0]))

    def judge(self, buffer: bytes, at: int, final: bool) -> Span | None:
        found = self._any.match(buffer, at)
        return Span(self._forms[found[0]], at, found.end()) if found else None


def _judge_looks(buffer: bytes, at: int, final: bool) -> Span | Undecided | None:
    for judge in _JUDGES.get(buffer[at], _OTHERWISE):
        if verdict := judge(buffer, at, final):
            return verdict
    return None


def _finder(alternatives: Iterable[bytes]) -> Finder:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes, of whatever encoding
    options.max_mem = _MEMORY
    finder: Finder = re2.compile(b"|".join(alternatives), options)
    return finder


_KEYS = _finder([keys.ANCHOR.encode()])
_LOOKS = _finder(
    b"(?:%s)" % anchor.encode()
    for anchor in (*tokens.ANCHORS, *headers.ANCHORS, assignments.FLAG_ANCHOR, assignments.ANCHOR)
)
