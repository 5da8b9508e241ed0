"""A Dockerfile as instructions and stages, with the physical lines that each takes. What is not understood is refused.

The format is Docker's ("Dockerfile reference"): a line that ends with a backslash goes on, comment lines within an
instruction are no part of it, and a here-document belongs to its instruction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from moonmind.workflows.orchestrator.edits.text_files import TextFile, read_text_file

_ESCAPE = re.compile(r"^#\s*escape\s*=", re.IGNORECASE)
_INSTRUCTION = re.compile(r"^\s*(?P<keyword>[A-Za-z]+)(?:\s+(?P<text>.*))?$", re.DOTALL)
_HEREDOC = re.compile(r"<<-?\s*(?P<quote>[\"']?)(?P<end>[A-Za-z_]\w*)(?P=quote)")
_TAKES_HEREDOC = frozenset({"RUN", "COPY", "ADD"})
_FROM = re.compile(r"^(?:--\S+\s+)*(?P<image>\S+)(?:\s+AS\s+(?P<name>\S+))?\s*$", re.IGNORECASE)
_ARG = re.compile(r"^(?P<name>\w+)=(?P<value>\S+)\s*$")
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::-(?P<default>[^}]*))?\}|(?P<plain>\w+))")
_ROOT = re.compile(r"^(?:root|0)(?::|$)")


class NotUnderstoodError(Exception):
    """A Dockerfile that this reader does not understand; the message says where, for people."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """`keyword` in capitals, `text` what follows it with its lines joined. `start` and `end` count physical lines from
    0, `end` excluded; `stage` is a stage's number, -1 before the first."""

    keyword: str
    text: str
    start: int
    end: int
    stage: int
    has_heredoc: bool = False

    @property
    def words(self) -> str:
        """The whole instruction with one blank between words: how build logs name it."""
        return " ".join(f"{self.keyword} {self.text}".split())


@dataclass(frozen=True, slots=True)
class Stage:
    """One FROM. `image` as written, with ARG defaults filled in, None when one has none; `base`: the number of the
    earlier stage that it starts from."""

    number: int
    name: str | None
    written: str
    image: str | None
    base: int | None
    line: int


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A file that was understood."""

    text: TextFile
    instructions: tuple[Instruction, ...]
    stages: tuple[Stage, ...]

    def of_stage(self, number: int) -> list[Instruction]:
        """The stage's instructions in order, its FROM first."""
        return [one for one in self.instructions if one.stage == number]

    def stage(self, called: str | None) -> Stage | None:
        """The stage by name or number as build logs have it (`stage-1`, `1`); None or "" is the last one."""
        if not called:
            return self.stages[-1]
        number = called.removeprefix("stage-")
        named = (one for one in self.stages if (one.name or "").casefold() == called.casefold())
        return next(named, None) or next((one for one in self.stages if str(one.number) == number), None)

    def root_image(self, stage: Stage) -> str | None:
        """The image that the stage starts from in the end, through earlier stages."""
        while stage.base is not None:
            stage = self.stages[stage.base]
        return stage.image

    def user(self, stage: Stage, before: int) -> str | None:
        """The USER in force at a line of the stage, None for root."""
        own = [one.text.strip() for one in self.of_stage(stage.number) if one.keyword == "USER" and one.start < before]
        if own:
            return None if _ROOT.match(own[-1]) else own[-1]
        return None if stage.base is None else self.user(self.stages[stage.base], len(self.text.lines))


def read_dockerfile(content: bytes) -> Dockerfile:
    """Raises NotUnderstoodError for another escape character, an unfinished instruction, or no FROM."""
    text = read_text_file(content)
    found = read_instructions(text)
    stages = tuple(_stages(found))
    if not stages:
        raise NotUnderstoodError("it has no FROM")
    return Dockerfile(text, tuple(found), stages)


def read_instructions(text: TextFile) -> list[Instruction]:
    """Also of a part of a Dockerfile, which may have no FROM. Raises NotUnderstoodError."""
    found: list[Instruction] = []
    stage = -1
    for keyword, rest, start, end, heredoc in _logical(text.lines):
        stage += keyword == "FROM"
        found.append(Instruction(keyword, rest, start, end, stage, heredoc))
    return found


def _logical(lines: Sequence[str]) -> Iterator[tuple[str, str, int, int, bool]]:
    index = 0
    while index < len(lines):
        line = lines[index].strip()
        if _ESCAPE.match(line):
            raise NotUnderstoodError("it has an escape character of its own")
        if not line or line.startswith("#"):
            index += 1
            continue
        start, (joined, index) = index, _joined(lines, index)
        parsed = _INSTRUCTION.match(joined)
        if parsed is None:
            raise NotUnderstoodError(f"line {start + 1} is no instruction")
        keyword, rest = parsed["keyword"].upper(), parsed["text"] or ""
        ends = [one["end"] for one in _HEREDOC.finditer(rest)] if keyword in _TAKES_HEREDOC else []
        for end in ends:
            index = _after(lines, index, end)
        yield keyword, rest.strip(), start, index, bool(ends)


def _joined(lines: Sequence[str], index: int) -> tuple[str, int]:
    """The instruction from line `index` on, and the index of the line after it."""
    parts: list[str] = []
    while index < len(lines):
        line = lines[index].rstrip()
        index += 1
        if parts and (not line.strip() or line.lstrip().startswith("#")):
            continue
        if not line.endswith("\\"):
            return " ".join([*parts, line]), index
        parts.append(line[:-1])
    return " ".join(parts), index  # Docker takes a last line that goes on nowhere


def _after(lines: Sequence[str], index: int, end: str) -> int:
    for place in range(index, len(lines)):
        if lines[place].strip() == end:
            return place + 1
    raise NotUnderstoodError(f"its here-document {end} has no end")


def _stages(instructions: Sequence[Instruction]) -> Iterator[Stage]:
    arguments: dict[str, str] = {}
    numbers: dict[str, int] = {}
    for one in instructions:
        if one.keyword == "ARG" and one.stage < 0 and (argument := _ARG.match(one.text)):
            arguments[argument["name"]] = argument["value"].strip("\"'")
        elif one.keyword == "FROM":
            if (parsed := _FROM.match(one.text)) is None:
                raise NotUnderstoodError(f"line {one.start + 1} is no FROM with one image")
            image = _filled(parsed["image"], arguments)
            name = parsed["name"]
            yield Stage(one.stage, name, parsed["image"], image, numbers.get((image or "").casefold()), one.start)
            if name:
                numbers[name.casefold()] = one.stage


def _filled(image: str, arguments: Mapping[str, str]) -> str | None:
    """The image with each variable's default, None when one has none."""
    parts = [
        (found, arguments.get(found["braced"] or found["plain"]) or found["default"])
        for found in _VARIABLE.finditer(image)
    ]
    if any(not value for _, value in parts):
        return None
    for found, value in parts:
        image = image.replace(found[0], value or "", 1)
    return image
