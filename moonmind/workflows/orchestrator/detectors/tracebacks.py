"""Finds the failures that Python programs reported: tracebacks with their chains, pytest's short form, `python -m`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from moonmind.workflows.orchestrator.detectors.lines import Line

_HEADER = re.compile(r"^(?P<before>.*?)Traceback \(most recent call last\):\s*$")
_FRAME = re.compile(r'^\s+File "(?P<file>[^"]+)", line \d+')
_RAISED = re.compile(
    r"^(?!(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):)(?P<type>(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(?:: ?(?P<message>.*))?$"
)
_CHAINED = re.compile(
    r"^(?:The above exception was the direct cause|During handling of the above exception, another exception occurred)"
)
_PYTEST = re.compile(r"^E\s{3}(?P<raised>(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Warning)\b.*)$")
_PYTEST_FRAME = re.compile(r"^(?P<file>[^\s:]+\.py):\d+: ")
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


@dataclass(slots=True)
class _Block:
    """The traceback being read: `indent` is the width of what stands before each of its lines."""

    indent: int = 0
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
    return sorted(failures, key=lambda failure: order[id(failure.final.line)])


def last_failure(failures: Sequence[Failure]) -> Failure | None:
    """The failure that counts: the last one that is not merely the aftermath of another."""
    return next((failure for failure in reversed(failures) if failure.final.type not in _AFTERMATH), None)


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
    for index, line in enumerate(lines):
        if header := _HEADER.match(line.text):
            block = _Block(len(header["before"]) if not header["before"].strip(" |+-") else 0)
        elif block is not None:
            if raised := _read_block_line(block, line):
                yield raised
                block = None
        elif _CHAINED.match(line.text.lstrip(" |")):
            yield None
        elif raised := _outside_traceback(lines, index):
            yield raised


def _read_block_line(block: _Block, line: Line) -> Raised | None:
    """Take the line into the block; the exception when this line ends it."""
    text = line.text[block.indent :]
    if _FRAME.match(text):
        block.frames.append(line)
        block.statement = None
    elif text.startswith(" "):
        if block.frames and block.statement is None:
            block.statement = line
    elif ended := _RAISED.match(text.rstrip()):
        return Raised(ended["type"], ended["message"] or "", line, tuple(block.frames), block.statement)
    return None


def _outside_traceback(lines: Sequence[Line], index: int) -> Raised | None:
    line = lines[index]
    if module := _RUN_AS_MODULE.match(line.text.strip()):
        return Raised("ModuleNotFoundError", module["message"], line)
    short = _PYTEST.match(line.text.rstrip())
    ended = _RAISED.match(short["raised"]) if short else None
    if ended is None:
        return None
    before = lines[index - 1] if index else None
    statement = before if before is not None and before.text.startswith(" ") else None
    where = [near for near in lines[max(0, index - 2) : index] if _PYTEST_FRAME.match(near.text)]
    return Raised(ended["type"], ended["message"] or "", line, tuple(where), statement)
