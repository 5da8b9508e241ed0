"""A Dockerfile taken apart for comparison: its instructions in order, a RUN as its commands, images without their tags.

Where builders would read a file otherwise than `edits.dockerfile_text` does, it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from moonmind.workflows.orchestrator.edits.dockerfile_text import (
    Dockerfile,
    Instruction,
    NotUnderstoodError,
    read_dockerfile,
)
from moonmind.workflows.orchestrator.planners.foreign import RefusedChangeError

_FROM = re.compile(
    r"FROM\s+(?P<flags>(?:--\S+\s+)*)(?P<image>[^\s:@]+(?::\d+/[^\s:@]+)?)(?P<tag>[:@]\S*)?(?P<name>\s+AS\s+\S+)?",
    re.IGNORECASE,
)
_FLAGS = re.compile(r"((?:--\S+\s+)*)(.*)", re.DOTALL)
_JOINED_ODDLY = re.compile(r"\\\\[ \t]*\r?$|[^\s\\&|;]\\[ \t]*\r?\n(?![ \t]+[^\s#])", re.MULTILINE)
"""Two backslashes do not continue a line for BuildKit, and it puts no blank between two lines that it joins."""

Key = tuple[int, str, str, str]
"""Stage, kind, flags and text: what is equal in two files is the same part."""


@dataclass(frozen=True, slots=True)
class Part:
    """An instruction, or one command of a RUN with the RUN's flags. `line`: where its instruction begins; `tag`: of a
    FROM, which is no part of its text."""

    stage: int
    kind: str
    text: str
    line: int
    flags: str = ""
    tag: str = ""

    @property
    def key(self) -> Key:
        return self.stage, self.kind, self.flags, self.text

    @property
    def shown(self) -> str:
        """As much as a reason shows."""
        return " ".join(f"{self.flags} {self.text}".split())[:100]


@dataclass(frozen=True, slots=True)
class Parts:
    """`directives`: comments that a builder may take for its own."""

    dockerfile: Dockerfile
    directives: tuple[str, ...]
    parts: tuple[Part, ...]


def take_apart(path: str, content: bytes) -> Parts:
    """Raises RefusedChangeError for a file that is not understood for sure."""
    try:
        read = read_dockerfile(content)
    except NotUnderstoodError as error:
        raise RefusedChangeError(f"{path} is not understood: {error}") from None
    lines = read.text.lines
    if _JOINED_ODDLY.search("".join(lines)):
        raise RefusedChangeError(
            f"{path} is not understood: a line goes on without a blank, or ends in two backslashes"
        )
    if odd := next((one for one in read.instructions if "<<" in one.text and not one.has_heredoc), None):
        raise RefusedChangeError(f"{path} is not understood: `{odd.words[:100]}` may begin a here-document")
    directives = tuple(line.strip() for line in lines if line.lstrip().startswith("#") and "=" in line)
    return Parts(read, directives, tuple(part for one in read.instructions for part in _parts(read, one)))


def _parts(read: Dockerfile, one: Instruction) -> Iterator[Part]:
    if one.has_heredoc:
        yield Part(one.stage, "here-document", "".join(read.text.lines[one.start : one.end]), one.start)
    elif one.keyword == "RUN":
        found = _FLAGS.fullmatch(one.text)
        assert found is not None  # it takes any text
        for command in found[2].split("&&"):
            yield Part(one.stage, "RUN", " ".join(command.split()), one.start, found[1].strip())
    elif one.keyword == "FROM" and (base := _FROM.fullmatch(one.words)):
        words = f"FROM {base['flags']}{base['image']}{(base['name'] or '').lower()}"
        yield Part(one.stage, "FROM", words, one.start, tag=base["tag"] or "")
    else:
        yield Part(one.stage, one.keyword, one.words, one.start)
