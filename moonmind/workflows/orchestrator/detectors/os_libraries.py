"""A program could not load a shared library of the system."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from moonmind.schemas.workflow_models import Finding
from moonmind.workflows.orchestrator.detectors.docker_builds import placed
from moonmind.workflows.orchestrator.detectors.lines import Line, Seen
from moonmind.workflows.orchestrator.detectors.tracebacks import Raised, read_failures

LIBRARY_MISSING = "os_library_missing"
"""`subject`: a file name (`libGL.so.1`), or the bare name that a program looks for (`magic`)."""

_TYPES = frozenset({"ImportError", "OSError", "RuntimeError", "ImproperlyConfigured"})
_FILE = r"(?P<name>lib[\w.+-]{1,80}?\.so(?:\.\d{1,9})*)"
_NOT_OPENED = re.compile(_FILE + r": cannot open shared object file")
_BARE = r"(?P<name>[A-Za-z][\w.+-]{1,80})"
_CALLED = (
    re.compile(r"^cannot load library 'lib(?P<name>[\w+-]{1,80})\.so':"),
    re.compile(rf'^Could not find the \w{{1,40}} library \(tried "{_BARE}"'),
    re.compile(r"^Could not find library \S{1,80} or load any of its variants \['(?P<name>lib[\w.+-]{1,80})'"),
    re.compile(rf"^cannot load library '{_BARE}':"),
    re.compile(rf'^no library called "{_BARE}" was found'),
    re.compile(
        r"^(?:[Ff]ailed|[Uu]nable|[Cc]ould not|[Cc]annot) (?:to )?find (?P<name>lib[a-z][\w+-]{1,40})\b\.?(?:\s|$)"
    ),
    re.compile(rf"^Unable to find {_BARE} shared library$"),
)
_OTHER_PROGRAMS = (
    re.compile(r"error while loading shared libraries: " + _FILE + ": cannot open shared object file"),
    re.compile(r"^(?:\[?Error: |.{0,200}Error: )" + _FILE + ": cannot open shared object file"),
    re.compile(r"Error loading shared library " + _FILE + ": No such file or directory"),
    re.compile(r"java\.lang\.UnsatisfiedLinkError: .{0,300}?" + _FILE + ": cannot open shared object file"),
)
_MUSL = re.compile(r"Error loading shared library ")


def find(lines: Sequence[Line]) -> list[Seen]:
    """Of each failure the library; the file names of the loader before what programs call it."""
    return placed(lines, sorted(_told(lines), key=lambda one: one[0]))


def _told(lines: Sequence[Line]) -> Iterator[tuple[int, Finding]]:
    places = {id(line): place for place, line in enumerate(lines)}
    for failure in read_failures(lines):
        for raised in reversed(failure.chain):
            if name := _named(raised, lines, places[id(raised.line)]):
                evidence = (*failure.final.evidence,) if raised is failure.final else raised.evidence
                yield places[id(failure.final.line)], _finding(name, evidence)
                break
            if raised.type == "ModuleNotFoundError":
                break  # what was missing after the library is what ended the program
    for place, line in enumerate(lines):
        for pattern in _OTHER_PROGRAMS:
            if told := pattern.search(line.text):
                details = {"libc": "musl"} if _MUSL.search(line.text) else {}
                yield place, _finding(told["name"], (line,), details)
                break


def _named(raised: Raised, lines: Sequence[Line], place: int) -> str | None:
    if raised.type.rpartition(".")[2] not in _TYPES:
        return None
    following = [line.text for line in lines[place + 1 : place + 8] if line.source == raised.line.source]
    said = [raised.message, *following] if raised.message.startswith("no library called ") else [raised.message]
    if bare := _CALLED[0].match(raised.message):
        return bare["name"]  # cffi's: its callers have looked for the bare name first, as ctypes does
    if told := next((found for text in said if (found := _NOT_OPENED.search(text))), None):
        return told["name"]
    return next((found["name"] for pattern in _CALLED if (found := pattern.match(raised.message))), None)


def _finding(name: str, evidence: Sequence[Line], details: dict[str, str] | None = None) -> Finding:
    return Finding(
        kind=LIBRARY_MISSING,
        summary=f"the shared library `{name}` is not there",
        subject=name,
        details=details or {},
        evidence=tuple(line.as_evidence() for line in evidence),
    )
