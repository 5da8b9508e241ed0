"""Which patterns of owned files could name the same file. Patterns are what git's `:(glob)` takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

_T = TypeVar("_T")
_Segment = tuple[str, ...]
"""A name between slashes, character by character, with the two below for wildcards."""

_ANY = ""
"""One character, whichever: `?`, and also a set such as `[ab]`."""
_STAR = "/*"
"""Any number of characters. No name has a slash."""
_DEEP: _Segment = ("/**",)
"""Any number of folders."""

_WILD = re.compile(r"[*?\[\\]")
_TOKEN = re.compile(r"\\(.)|(\[[!^]?\]?[^\]]*\]|\?)|(\*+)|(.)", re.DOTALL)


def may_share(one: str, other: str) -> bool:
    """True when there could be a file that both name, whether there is one now or not.

    `*` and `?` stand for characters of one name and `**` for any number of folders; a set (`[ab]`) is taken for any
    character. So equal patterns share, a pattern shares with a path that it matches, `src/**` shares with all that
    begins with `src/`, and `a*.py` with `*b.py`, since `ab.py` would be both's. A path without wildcards is a folder
    when it ends with `/` or when the other pattern begins below it, else a file: `Dockerfile` and `**/*.py` share
    nothing, though git would take a folder of that name too.
    """
    return _meet(_segments(one, other), _segments(other, one), _DEEP, _names_fit)


def close_pairs(owned: Mapping[str, Sequence[str]]) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Pairs of (package, pattern), of two packages, that are worth comparing: all that share a file are among them.

    What a file's path begins with is known up to the first wildcard, so one's beginning is the start of the other's;
    sorted, such patterns stand together. Ten thousand patterns are not compared each with each.
    """
    rows = sorted({(_beginning(pattern), wp_id, pattern) for wp_id, patterns in owned.items() for pattern in patterns})
    for index, (start, wp_id, pattern) in enumerate(rows):
        for following in range(index + 1, len(rows)):
            other_start, other_id, other = rows[following]
            if not other_start.startswith(start):
                break
            if other_id != wp_id:
                yield (wp_id, pattern), (other_id, other)


def _beginning(pattern: str) -> str:
    """Without wildcards; `src/` of `src/*.py`."""
    head = _WILD.split(pattern)[0]
    return f"{_path(head)}/".removeprefix("/") if head.endswith("/") else _path(head)


def _path(text: str) -> str:
    return "/".join(_names(text))


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]


def _segments(pattern: str, other: str) -> list[_Segment]:
    segments = [_DEEP if name == "**" else _tokens(name) for name in _names(pattern)]
    is_folder = pattern.endswith("/") or _beginning(other).startswith(_path(pattern) + "/")
    return [*segments, _DEEP] if is_folder and not _WILD.search(pattern) else segments


def _tokens(name: str) -> _Segment:
    return tuple(
        _STAR if star else _ANY if any_one else escaped or plain
        for escaped, any_one, star, plain in _TOKEN.findall(name)
    )


def _names_fit(one: _Segment, other: _Segment) -> bool:
    return _meet(one, other, _STAR, _characters_fit)


def _characters_fit(one: str, other: str) -> bool:
    return one == other or _ANY in (one, other)


def _meet(one: Sequence[_T], other: Sequence[_T], star: _T, fit: Callable[[_T, _T], bool]) -> bool:
    """Whether something matches both sequences. `places`: how far into the other one may be, after each item of one."""
    places = {0}
    for item in one:
        if item == star:
            places = set(range(min(places), len(other) + 1)) if places else places
        else:
            inside = [place for place in _past_stars(places, other, star) if place < len(other)]
            stays = {place for place in inside if other[place] == star}
            places = stays | {place + 1 for place in inside if other[place] != star and fit(item, other[place])}
    return len(other) in _past_stars(places, other, star)


def _past_stars(places: set[int], other: Sequence[_T], star: _T) -> set[int]:
    """With those behind a star, which may stand for nothing."""
    found = set(places)
    for place, item in enumerate(other):
        if place in found and item == star:
            found.add(place + 1)
    return found
