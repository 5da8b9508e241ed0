"""A program that another program or a shell wanted to start is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from moonmind.schemas.workflow_models import Finding
from moonmind.workflows.orchestrator.detectors.docker_builds import placed
from moonmind.workflows.orchestrator.detectors.lines import Line, Seen
from moonmind.workflows.orchestrator.detectors.tracebacks import Failure, read_failures

PROGRAM_MISSING = "os_program_missing"

_NAME = r"(?P<name>[A-Za-z][\w.+-]{0,60})"
_PLAIN_PATH = rf"(?:/usr/bin/|/bin/|/usr/local/bin/)?{_NAME}"
_NOT_FOUND_ERROR = re.compile(rf"^\[Errno 2\] No such file or directory: '{_PLAIN_PATH}'")
_STARTED = re.compile(r"(?:/subprocess\.py|/asyncio/\w+\.py|/pty\.py|/pexpect/)")
_OF_PYTHON = (
    re.compile(rf"^{_NAME} is not installed or it's not in your PATH"),
    re.compile(r"^failed to execute (?:PosixPath\()?['\"]?(?P<name>[a-z]\w{0,30})['\"]?\)?, make sure the Graphviz"),
    re.compile(r"^failed to execute \['(?P<name>[a-z]\w{0,30})'"),
    re.compile(r"^Unable to get page count\. Is (?P<name>poppler) installed and in PATH"),
    re.compile(r"^No (?P<name>wkhtmltopdf) executable found"),
    re.compile(r"^Bad (?P<name>git) executable"),
)
_LINES = (
    re.compile(
        r"^\s*(?:npm error |npm ERR! )?"
        r"(?:\S{1,200}: line \d{1,6}|\S{0,200}\bsh: \d{1,6}|(?:/bin/)?(?:ba|a)?sh)(?:: \d{1,6})?: "
        rf"{_NAME}: (?:command )?not found\s*$"
    ),
    re.compile(rf"^\s*(?:\S{{1,200}}: )?(?:line )?\d{{1,6}}: {_NAME}: (?:command )?not found\s*$"),
    re.compile(rf"^/usr/bin/env: [‘']{_NAME}[’']: No such file or directory"),
    re.compile(rf"\bError: spawn(?:Sync)? {_PLAIN_PATH} ENOENT"),
    re.compile(rf"ERROR: Error \[Errno 2\] No such file or directory: '{_NAME}' while executing command "),
    re.compile(rf"ERROR: Cannot find command '{_NAME}' - do you have"),
    re.compile(rf"exec: \"{_NAME}\": executable file not found in \$PATH\"? ?while running hook"),
)
_NAMES = {"poppler": "pdfinfo"}
_NOT_PROGRAMS = frozenset({"source", "[", "function", "export"})


def find(lines: Sequence[Line]) -> list[Seen]:
    """Of each failure the program; in one failed build step the last one named."""
    return placed(lines, sorted(_told(lines), key=lambda one: one[0]))


def _told(lines: Sequence[Line]) -> Iterator[tuple[int, Finding]]:
    places = {id(line): place for place, line in enumerate(lines)}
    for failure in read_failures(lines):
        if finding := _of_failure(failure):
            yield places[id(failure.final.line)], finding
    for place, line in enumerate(lines):
        told = next((found for pattern in _LINES if (found := pattern.search(line.text))), None)
        if told and told["name"] and told["name"] not in _NOT_PROGRAMS:
            yield place, _finding(told["name"], (line,))


def _of_failure(failure: Failure) -> Finding | None:
    """The last exception of the chain that names a program; a missing file is none unless it was to be started."""
    for raised in reversed(failure.chain):
        told = _NOT_FOUND_ERROR.match(raised.message) if raised.type == "FileNotFoundError" else None
        if told and not any(_STARTED.search(frame.text) for frame in raised.frames):
            told = None
        told = told or next((found for pattern in _OF_PYTHON if (found := pattern.match(raised.message))), None)
        if told:
            return _finding(told["name"], (*raised.evidence, failure.final.line))
    return None


def _finding(name: str, evidence: Sequence[Line]) -> Finding:
    name = _NAMES.get(name, name)
    shown = dict.fromkeys(line.as_evidence() for line in evidence)
    return Finding(
        kind=PROGRAM_MISSING,
        summary=f"the program `{name}` is not there",
        subject=name,
        evidence=tuple(shown),
    )
