"""The package lists of `apt-get install` in a RUN instruction, with the place of each word in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<blank>\\[ \t]*\r?\n|\s)"
    r"|(?P<operator>&&|\|\||[;|&()<>])"
    r"|(?P<word>(?:[^\s\\;|&()<>\"']|\"[^\"]*\"|'[^']*'|\\[^\s])+)"
)
_ASSIGNMENT = re.compile(r"^\w+=")
_WITH_VALUE = frozenset({"-o", "--option", "-c", "--config-file", "-a", "--host-architecture"})
_OTHER_RELEASE = re.compile(r"^(?:-t|--target-release|--default-release)(?:=|$)")
_PROGRAMS = frozenset({"apt-get", "apt", "/usr/bin/apt-get"})
_PLAIN = re.compile(r"^[a-z0-9][a-z0-9+.-]+(?:[=:][\w.:+~*-]+)?$")
_VARIABLE = re.compile(r"^\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*\})$")
_BELONGING = frozenset("(<>")
"""Operators that the word right before them is a part of: `$(`, `2>`."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a shell command; `start` and `end` are places in the instruction's raw text."""

    text: str
    start: int
    end: int

    @property
    def package(self) -> str:
        """The package without version and architecture."""
        return re.split(r"[=:]", self.text)[0]


def install_lists(raw: str) -> list[list[Word]]:
    """The packages of each `apt-get install` of a RUN in shell form, in order; of another release's none.

    `raw`: the instruction's text with its line ends. What this does not take for a plain command has no lists, nor has
    one with a word that is neither a plain package nor a whole variable.
    """
    body = _without_comments(raw)
    if re.match(r"\s*\w+\s+(?:--\S+\s+)*\[", body):
        return []
    return [words for command in _commands(body) if (words := _packages(command))]


def insert(raw: str, words: Sequence[Word], package: str, newline: str) -> str:
    """The text with one more package: in its place where the list is sorted, in the list's own style."""
    names = [word.text for word in words]
    is_sorted = len(names) > 1 and names == sorted(names) and all(_PLAIN.match(name) for name in names)
    after = [word for word in words if word.text < package] if is_sorted else list(words)
    if not after:
        first = words[0]
        indent = _indent(raw, first)
        between = " " if indent is None else f" \\{newline}{indent}"
        return raw[: first.start] + package + between + raw[first.start :]
    indent = _indent(raw, after[-1])
    between = " " if indent is None else f" \\{newline}{indent}"
    return raw[: after[-1].end] + between + package + raw[after[-1].end :]


def _indent(raw: str, word: Word) -> str | None:
    """The blanks before a word that begins its line, None for one that does not."""
    before = raw[raw.rfind("\n", 0, word.start) + 1 : word.start]
    return before if not before.strip() else None


def _without_comments(raw: str) -> str:
    """Comment lines as blanks, so that every place stays."""
    lines = raw.split("\n")
    return "\n".join(" " * len(line) if line.lstrip().startswith("#") else line for line in lines)


def _commands(body: str) -> Iterator[list[Word]]:
    """The simple commands; none from where the text is not understood on, or from the one with a shell's comment on."""
    command: list[Word] = []
    place = 0
    while found := _TOKEN.match(body, place):
        place = found.end()
        if found["word"]:
            if found["word"].startswith("#"):
                return
            command.append(Word(found["word"], found.start(), found.end()))
        elif found["operator"]:
            is_belonging = command and command[-1].end == found.start() and found["operator"] in _BELONGING
            yield [] if is_belonging else command
            command = []
    if place == len(body):
        yield command


def _packages(command: Sequence[Word]) -> list[Word]:
    words = [word for word in command if word.text.upper() != "RUN" and not word.text.startswith("--mount=")]
    while words and (_ASSIGNMENT.match(words[0].text) or words[0].text == "sudo"):
        del words[0]
    if not words or words[0].text not in _PROGRAMS:
        return []
    plain = _without_options(words[1:])
    if any(_OTHER_RELEASE.match(word.text) for word in words) or not plain or plain[0].text != "install":
        return []
    return plain[1:] if all(_PLAIN.match(word.text) or _VARIABLE.match(word.text) for word in plain[1:]) else []


def _without_options(words: Sequence[Word]) -> list[Word]:
    plain: list[Word] = []
    takes_next = False
    for word in words:
        if takes_next:
            takes_next = False
        elif word.text.startswith("-"):
            takes_next = word.text in _WITH_VALUE
        else:
            plain.append(word)
    return plain
