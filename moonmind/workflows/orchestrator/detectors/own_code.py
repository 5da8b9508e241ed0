"""The program's own text or settings are at fault: a syntax error with its place, a setting that nobody gave.

Details: SYNTAX_ERROR `file` and `line`; SETTING_MISSING `name`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from moonmind.schemas.workflow_models import Finding
from moonmind.workflows.orchestrator.detectors.lines import Line, Seen
from moonmind.workflows.orchestrator.detectors.tracebacks import Raised, read_failures

SYNTAX_ERROR = "syntax_error"
SETTING_MISSING = "setting_missing"

_NAME = r"[A-Za-z_]\w{0,99}"
_PLACE = re.compile(r'^\s+File "(?P<file>[^"]{1,500})", line (?P<line>\d+)')
_NODE_PLACE = re.compile(r"^(?P<file>(?:file://)?/\S{1,500}?):(?P<line>\d+)$")
_NODE_SYNTAX = re.compile(r"^(?:Uncaught )?SyntaxError: (?P<said>\S.{0,200})$")
_AT = re.compile(r"^\s{4}at ")
_BEHIND = 8
"""Lines before the message of a Node syntax error in which its place stands."""

_PYTHON_SYNTAX = frozenset({"SyntaxError", "IndentationError", "TabError"})
_OS_FRAME = re.compile(r'File "(?:<frozen os>|[^"]*[/\\]os\.py)"')
_SETTINGS_FRAME = re.compile(r"pydantic_settings[/\\]")
_FIELD = re.compile(r"^(?P<name>[A-Za-z_][\w.]{0,199})$")
_REQUIRED = re.compile(r"^\s+Field required \[type=missing")
_KEY = re.compile(rf"^'(?P<name>{_NAME})'$")
_IMPROPER = re.compile(rf"^Set the (?P<name>{_NAME}) environment variable$")
_UNDEFINED = re.compile(rf"^(?P<name>{_NAME}) not found\. Declare it as envvar or define a default value\.?$")
_THROWN = re.compile(
    r"^(?:Uncaught )?Error: (?:.{0,60}\b)?(?:"
    r"[Mm]issing (?:required )?(?:environment|env) var(?:iable)?s?:? [`'\"]?(?P<first>[A-Z][A-Z0-9_]{2,99})\b|"
    r"(?:[Ee]nvironment|[Ee]nv) var(?:iable)? [`'\"]?(?P<second>[A-Z][A-Z0-9_]{2,99})[`'\"]? "
    r"(?:is (?:required|missing|not set|not defined|undefined)|must be (?:set|defined))|"
    r"(?P<third>(?<=process\.env\.)[A-Z]\w{2,99}|[A-Z][A-Z0-9]{0,49}_[A-Z0-9_]{1,49}) (?:environment variable )?"
    r"(?:is (?:required|not set|not defined|missing)|must be (?:set|defined)))"
)
_PRISMA = re.compile(r"Environment variable not found: (?P<name>[A-Z][A-Z0-9_]{1,99})")
_UNSET = re.compile(r"[Tt]he \\?\"(?P<name>[A-Za-z_]\w{0,99})\\?\" variable is not set\. Defaulting to a blank string")
_REQUIRED_BY_COMPOSE = re.compile(r"required variable (?P<name>[A-Za-z_]\w{0,99}) is missing a value")
_SHELL = re.compile(
    r"^\S{1,200}: (?:line )?\d+: (?P<name>[A-Z][A-Z0-9_]{1,99}): (?:unbound variable|parameter not set)\s*$"
)


def find(lines: Sequence[Line]) -> list[Seen]:
    """Syntax errors and missing settings of Python and Node programs, shells and Compose files."""
    places = {id(line): place for place, line in enumerate(lines)}
    of_python = (
        Seen(found, failure.final.line)
        for failure in read_failures(lines)
        if (found := _of_python(failure.final, lines, places[id(failure.final.line)])) is not None
    )
    return [*of_python, *_of_lines(lines)]


def _of_python(raised: Raised, lines: Sequence[Line], place: int) -> Finding | None:
    kind = raised.type.rpartition(".")[2]
    if kind in _PYTHON_SYNTAX:
        return _python_syntax(raised)
    name = ""
    if kind == "KeyError" and any(_OS_FRAME.search(frame.text) for frame in raised.frames[-1:]):
        name = _named(_KEY, raised.message)
    elif kind == "ImproperlyConfigured":
        name = _named(_IMPROPER, raised.message)
    elif kind == "UndefinedValueError":
        name = _named(_UNDEFINED, raised.message)
    elif kind == "ValidationError" and any(_SETTINGS_FRAME.search(frame.text) for frame in raised.frames):
        name = ", ".join(_required_fields(lines[place + 1 : place + 200], raised.line))
    return _setting(name, raised.evidence) if name else None


def _required_fields(following: Sequence[Line], at: Line) -> Iterator[str]:
    """The fields that pydantic's message, which goes on below its first line, says are missing."""
    own = [line for line in following if (line.source, line.stream) == (at.source, at.stream)]
    for field, said in pairwise(own):
        if (found := _FIELD.match(field.text)) and _REQUIRED.match(said.text):
            yield found["name"]


def _python_syntax(raised: Raised) -> Finding | None:
    place = _PLACE.match(raised.frames[-1].text) if raised.frames else None
    if place is None:
        return None  # raised by a program that reads other text, such as `ast.literal_eval`
    return _syntax(place["file"], place["line"], f"{raised.type}: {raised.message}", raised.evidence)


def _of_lines(lines: Sequence[Line]) -> Iterator[Seen]:
    for index, line in enumerate(lines):
        if said := _NODE_SYNTAX.match(line.text):
            if (found := _node_syntax(lines, index, said["said"])) is not None:
                yield Seen(found, line)
        elif name := _said_missing(line.text[:1000]):
            yield Seen(_setting(name, (line,)), line)


def _node_syntax(lines: Sequence[Line], index: int, said: str) -> Finding | None:
    if not any(_AT.match(line.text) for line in lines[index + 1 : index + 3]):
        return None
    before = lines[max(0, index - _BEHIND) : index]
    places = [(line, found) for line in before if (found := _NODE_PLACE.match(line.text))]
    if not places:
        return None
    line, found = places[-1]
    return _syntax(found["file"], found["line"], f"SyntaxError: {said}", (line, lines[index]))


def _said_missing(text: str) -> str:
    for pattern in (_THROWN, _PRISMA, _UNSET, _REQUIRED_BY_COMPOSE, _SHELL):
        if found := pattern.search(text):
            return next(value for value in found.groups() if value)
    return ""


def _named(pattern: re.Pattern[str], message: str) -> str:
    found = pattern.match(message.strip())
    return found["name"] if found else ""


def _setting(name: str, evidence: Sequence[Line]) -> Finding:
    return Finding(
        kind=SETTING_MISSING,
        summary=f"the setting {name} is missing from the environment"[:300],
        subject=name[:200],
        details={"name": name[:200]},
        evidence=tuple(line.as_evidence() for line in evidence),
    )


def _syntax(file: str, line: str, said: str, evidence: Sequence[Line]) -> Finding:
    return Finding(
        kind=SYNTAX_ERROR,
        summary=f"{file} cannot be read, line {line}: {said}"[:300],
        subject=file,
        details={"file": file, "line": line},
        evidence=tuple(one.as_evidence() for one in evidence),
    )
