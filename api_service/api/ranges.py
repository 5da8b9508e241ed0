"""Conditional and partial requests (RFC 9110, sections 13 and 14): what is asked of a file. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=[ \t]*(?P<first>[0-9]{0,30})-(?P<last>[0-9]{0,30})[ \t]*", re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `first` to `last`, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """In bytes."""
        return self.last - self.first + 1


class UnsatisfiableError(Exception):
    """The range lies behind the file's end."""


def is_known(if_none_match: str | None, etag: str) -> bool:
    """Whether the client has this version already; the comparison is weak, `*` is any version."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag in _TAG.findall(if_none_match)


def part_of(wanted: str | None, if_range: str | None, etag: str, size: int) -> Part | None:
    """The part to send; None for the whole file, which is also the answer to several ranges, to another unit, to what
    is no range, and to a part of another version than this. Raises UnsatisfiableError."""
    if wanted is None or (if_range is not None and if_range.strip() != etag):
        return None
    found = _RANGE.fullmatch(wanted.strip())
    if found is None or not (found["first"] or found["last"]):
        return None
    if not found["first"]:
        return _tail(int(found["last"]), size)
    first, last = int(found["first"]), int(found["last"]) if found["last"] else size - 1
    if found["last"] and last < first:
        return None
    if first >= size:
        raise UnsatisfiableError
    return Part(first, min(last, size - 1))


def _tail(length: int, size: int) -> Part:
    if length == 0 or size == 0:
        raise UnsatisfiableError
    return Part(max(0, size - length), size - 1)
