"""Finds the failures that Python programs reported: tracebacks with their chains, pytest's short form, `python -m`.

A line may also merely mention an exception, and anybody's words may stand in a log. So a mention counts only where its
source tells no failure with a traceback, and never at the level of a warning or below.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from moonmind.schemas.workflow_models import Finding
from moonmind.workflows.orchestrator.detectors.levels import is_in_passing
from moonmind.workflows.orchestrator.detectors.lines import Line, Seen

UNKNOWN = "python_failure"
"""A failure of a Python program that no detector knows."""

SUMMARY_LIMIT = 300

_HEADER = re.compile(r"^(?P<before>.{0,200}?)Traceback \(most recent call last\):\s*$")
_FRAME = re.compile(r'^\s+File "(?P<file>[^"]+)", line \d+')
_RAISED = re.compile(
    r"^(?!(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):)(?P<type>(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(?:: ?(?P<message>.*))?$"
)
_CHAINED = re.compile(
    r"(?:The above exception was the direct cause|During handling of the above exception, another exception occurred)"
)
_PYTEST = re.compile(r"^E\s{3}(?P<raised>(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Warning)\b.*)$")
_PYTEST_FRAME = re.compile(r"^(?P<file>[^\s:]+\.py):\d+: ")
_MENTIONED = re.compile(
    r"(?:^|[\s:\]>])(?P<type>ModuleNotFoundError|ImportError): (?P<message>(?:No module named|cannot import name) .*)$"
)
_DIGITS = re.compile(r"\d")
_RUN_AS_MODULE = re.compile(r"^\S*python[\d.]*: (?P<message>No module named '?[\w.]+'?)$")

_AFTERMATH = frozenset(
    {"gunicorn.errors.HaltServer", "SystemExit", "KeyboardInterrupt", "asyncio.exceptions.CancelledError"}
)
"""What a supervisor or interpreter raises because of a failure it has already reported."""


@dataclass(frozen=True, slots=True)
class Raised:
    """One exception: its type as printed, the first line of its message, and the lines that tell where."""

    type: str
    message: str
    line: Line
    frames: tuple[Line, ...] = ()
    statement: Line | None = None
    """The source line of the deepest frame, where the log has it."""
    is_mention: bool = False

    @property
    def evidence(self) -> tuple[Line, ...]:
        """Deepest frame, its statement, the exception."""
        return (*self.frames[-1:], *([self.statement] if self.statement else []), self.line)


@dataclass(frozen=True, slots=True)
class Failure:
    """A chain of exceptions, the one that ended it last."""

    chain: tuple[Raised, ...]

    @property
    def final(self) -> Raised:
        """What was not handled."""
        return self.chain[-1]

    @property
    def is_mention(self) -> bool:
        """True when nothing but lines that mention an exception tell of it."""
        return all(one.is_mention for one in self.chain)


@dataclass(slots=True)
class _Block:
    """The traceback being read; `prefix` is what stood before its header, and so before each of its lines."""

    prefix: str = ""
    frames: list[Line] = field(default_factory=list)
    statement: Line | None = None


def read_failures(lines: Iterable[Line]) -> list[Failure]:
    """All failures in the order in which they end."""
    streams: dict[tuple[str, str], list[Line]] = {}
    order: dict[int, int] = {}
    for position, line in enumerate(lines):
        order[id(line)] = position
        streams.setdefault((line.source, line.stream), []).append(line)
    failures = [failure for own in streams.values() for failure in _chained(own)]
    traced = _traced(failures)
    counting = [one for one in failures if not (one.is_mention and one.final.line.source in traced)]
    return sorted(counting, key=lambda failure: order[id(failure.final.line)])


def traced_sources(lines: Iterable[Line]) -> set[str]:
    """The sources that tell a failure with its traceback."""
    return _traced(read_failures(lines))


def _traced(failures: Iterable[Failure]) -> set[str]:
    return {one.final.line.source for one in failures if any(raised.frames for raised in one.chain)}


def find_any(lines: Sequence[Line]) -> list[Seen]:
    """Every failure that is not merely the aftermath of another; what came before an unknown one is hidden by it."""
    failures = [failure for failure in read_failures(lines) if failure.final.type not in _AFTERMATH]
    return [Seen(_unknown(failure.final), failure.final.line) for failure in failures]


def _unknown(raised: Raised) -> Finding:
    summary = f"the program ended with {raised.type}: {raised.message}"[:SUMMARY_LIMIT]
    return Finding(kind=UNKNOWN, summary=summary, evidence=tuple(line.as_evidence() for line in raised.evidence))


def _chained(lines: Sequence[Line]) -> Iterator[Failure]:
    chain: list[Raised] = []
    joined = False
    for item in _raised(lines):
        if item is None:
            joined = True
            continue
        if chain and not joined:
            yield Failure(tuple(chain))
            chain = []
        chain.append(item)
        joined = False
    if chain:
        yield Failure(tuple(chain))


def _raised(lines: Sequence[Line]) -> Iterator[Raised | None]:
    """Exceptions in order; None between two that are one chain."""
    block: _Block | None = None
    last: Raised | None = None
    for index, line in enumerate(lines):
        if header := _HEADER.match(line.text):
            block = _Block(header["before"])
        elif block is not None:
            if last := _read_block_line(block, line):
                yield last
                block = None
        elif _CHAINED.search(line.text):
            yield None
        elif _FRAME.match(line.text):
            block = _Block(frames=[line])  # the log begins in the middle of a traceback
        elif (raised := _outside_traceback(lines, index)) and (last is None or raised.message != last.message):
            yield raised  # not the mention of what a traceback has just told in full


def _read_block_line(block: _Block, line: Line) -> Raised | None:
    """Take the line into the block; the exception when this line ends it."""
    text = _without_prefix(line.text, block.prefix)
    if _FRAME.match(text):
        block.frames.append(line)
        block.statement = None
    elif text.startswith(" "):
        if block.frames and block.statement is None:
            block.statement = line
    elif ended := _RAISED.match(text.rstrip()):
        return Raised(ended["type"], ended["message"] or "", line, tuple(block.frames), block.statement)
    return None


def _without_prefix(text: str, prefix: str) -> str:
    """The line without the header's prefix, if it has the same one; the numbers in it (a time, a pid) may differ."""
    own = text[: len(prefix)]
    return text[len(prefix) :] if _DIGITS.sub("0", own) == _DIGITS.sub("0", prefix) or not own.strip(" |") else text


def _outside_traceback(lines: Sequence[Line], index: int) -> Raised | None:
    """An exception that is reported without a traceback, or in pytest's short form with its source line before it."""
    line = lines[index]
    if module := _RUN_AS_MODULE.match(line.text.strip()):
        return Raised("ModuleNotFoundError", module["message"], line)
    short = _PYTEST.match(line.text.rstrip())
    ended = _RAISED.match(short["raised"]) if short else _MENTIONED.search(line.text.rstrip())
    if ended is None or (short is None and is_in_passing(line.text)):
        return None
    if short is None:
        return Raised(ended["type"], ended["message"] or "", line, is_mention=True)
    before = lines[index - 1] if index else None
    statement = before if before is not None and before.text.startswith(" ") else None
    where = [near for near in lines[max(0, index - 2) : index] if _PYTEST_FRAME.match(near.text)]
    return Raised(ended["type"], ended["message"] or "", line, tuple(where), statement)
