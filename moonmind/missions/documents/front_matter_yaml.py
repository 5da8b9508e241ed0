"""YAML of a front matter: values, and where in the text each top-level key stands.

Built from the parser's events rather than with `yaml.load`: that one takes a repeated key's last value, drops the
places, and dies of deep nesting, since libyaml's composer recurses on the C stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import yaml

from moonmind.missions.errors import MissionError

MAX_DEPTH = 4
"""Levels of lists and mappings: `history` has three."""


class BrokenYamlError(Exception):
    """`line`: of the text, from 1; None when it is about no line."""

    def __init__(self, why: str, line: int | None) -> None:
        super().__init__(why)
        self.line = line


class Entry(msgspec.Struct, frozen=True):
    """A top-level key. `line`: from 1; `start` and `key_end`: of the key; `value_start` and `stop`: of the value,
    without what follows it; all are characters of the text."""

    value: object
    line: int
    start: int
    key_end: int
    value_start: int
    stop: int


def read_entries(text: str, *, numbers: str) -> dict[str, Entry]:
    """The top-level keys in their order; values of the key `numbers` may be written as integers, and are taken as
    text. Raises BrokenYamlError for all but one mapping with one key a line."""
    loader = yaml.CSafeLoader(text)
    try:
        return _Reader(loader, numbers).read()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise BrokenYamlError(error.problem or "is not YAML", mark.line + 1 if mark else None) from None
    except yaml.YAMLError as error:
        raise BrokenYamlError(" ".join(str(error).split()), None) from None
    finally:
        loader.dispose()


def write_inline(value: object) -> str:
    """YAML on one line, however long: `git diff` and `git merge` take that well. Raises MissionError `NotText` for
    characters that UTF-8 does not have."""
    try:
        dumped = yaml.dump(
            [value], Dumper=_Dumper, allow_unicode=True, default_flow_style=True, sort_keys=False, width=2**30
        )
    except UnicodeEncodeError:
        raise MissionError("NotText", f"{value!r} holds characters that are no text: leave them out") from None
    return str(dumped).removesuffix("\n")[1:-1]


class _Dumper(yaml.CSafeDumper):
    """Text of several lines is written on one, in quotes."""


def _represent_text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent_text)


class _Reader:
    """One pass over the events of one text."""

    def __init__(self, loader: Any, numbers: str) -> None:
        self._loader, self._next, self._numbers, self._stop = loader, loader.get_event, numbers, 0

    def read(self) -> dict[str, Entry]:
        self._next()  # the stream
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise BrokenYamlError("it has no keys", None)
        top = self._next()
        if not isinstance(top, yaml.MappingStartEvent) or top.flow_style:
            raise BrokenYamlError("it has `key: value` on lines of their own", _line(top))
        entries = dict(self._entries())
        self._next()  # the end of the document
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            raise BrokenYamlError("it has one document only", _line(after))
        return entries

    def _entries(self) -> Iterator[tuple[str, Entry]]:
        seen: set[str] = set()
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, seen)
            first = self._next()
            value = self._value(first, key, depth=1)
            start, key_end = event.start_mark.index, event.end_mark.index
            yield key, Entry(value, _line(event), start, key_end, first.start_mark.index, self._stop)

    def _key(self, event: Any, seen: set[str]) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise BrokenYamlError("a key is a word", _line(event))
        key = str(event.value)
        if key in seen:
            raise BrokenYamlError(f"the key `{key}` stands there twice", _line(event))
        seen.add(key)
        return key

    def _value(self, event: Any, key: str, depth: int) -> object:
        self._stop = event.end_mark.index
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, key)
        if isinstance(event, yaml.AliasEvent):
            raise BrokenYamlError("an alias (`*name`) is not followed: write the value out", _line(event))
        if depth == MAX_DEPTH or event.tag is not None:
            why = "it is nested too deeply" if depth == MAX_DEPTH else f"the tag `{event.tag}` means nothing here"
            raise BrokenYamlError(why, _line(event))
        is_list = isinstance(event, yaml.SequenceStartEvent)
        return self._list(event, key, depth) if is_list else self._mapping(event, depth)

    def _list(self, start: Any, key: str, depth: int) -> list[object]:
        values = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            values.append(self._value(event, key, depth + 1))
        self._end(start, event)
        return values

    def _mapping(self, start: Any, depth: int) -> dict[str, object]:
        values: dict[str, object] = {}
        seen: set[str] = set()
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, seen)
            values[key] = self._value(self._next(), key, depth + 1)
        self._end(start, event)
        return values

    def _end(self, start: Any, end: Any) -> None:
        """The end of a list in brackets is the bracket; that of one with dashes is its last value's."""
        if start.flow_style:
            self._stop = end.end_mark.index

    def _scalar(self, event: Any, key: str) -> object:
        """Text or None. What YAML takes for a number or a truth value is refused rather than guessed at; times stay
        text."""
        tag = event.tag or self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        kind = tag.removeprefix("tag:yaml.org,2002:")
        if kind in ("str", "timestamp") or (kind, key) == ("int", self._numbers):
            return str(event.value)
        if kind == "null":
            return None
        raise BrokenYamlError(f"to YAML `{event.value}` is no text ({kind}): quote it", _line(event))


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
