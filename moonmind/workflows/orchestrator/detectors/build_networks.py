"""A build did not reach its package index or mirror. What it then says of versions and names that do not exist is an
effect of that: such a line counts as the network's, when the same build has just told of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from moonmind.schemas.workflow_models import Finding
from moonmind.workflows.orchestrator.detectors.lines import Line, Seen

BUILD_NETWORK = "build_network_failed"

NEAR = 80
"""Lines within which an effect follows its cause; pip and apt try a few times and then give up."""

_WHY = (
    r"(?:Temporary failure (?:resolving|in name resolution)|Could not resolve|Name or service not known"
    r"|Could not connect|Connection (?:refused|timed out|failed|reset)|Network is unreachable|timed out"
    r"|TLS handshake timeout|i/o timeout)"
)
_TRY = re.compile(
    rf"^\s*WARNING: Retrying \(Retry\(.{{0,300}}{_WHY}|^(?:Err:\d+ |W: Failed to fetch |  ).{{0,300}}{_WHY}"
)
"""One try of several: it counts only when the build then gives up."""
_END = re.compile(
    rf"^E: Failed to fetch .{{0,300}}{_WHY}"
    rf"|^ERROR: failed to solve: .{{0,400}}(?:{_WHY}|no such host)"
    r"|^(?:pip\._vendor\.)?(?:urllib3|requests)\.exceptions\.(?:ReadTimeoutError|ConnectTimeout|ReadTimeout)\b"
)
_EFFECT = re.compile(
    r"^\s*(?:ERROR: Could not find a version that satisfies the requirement |ERROR: No matching distribution found for "
    r"|E: Unable to locate package |E: Couldn't find any package by"
    r"|E: Package '.{1,100}' has no installation candidate)"
)
_STEP = re.compile(r"^(?:ERROR: failed to (?:build|solve)|ERROR: executor failed|The command '.{1,300}' returned)")
"""What Docker says of the step at last."""
_PREFIX = re.compile(r"^\d+\.\d+ ")
"""The time that BuildKit writes before a line when it repeats the end of a failed step."""


def find(lines: Sequence[Line]) -> list[Seen]:
    """Every line at which a build gave up because of its network."""
    return [Seen(_finding(cause, line), line) for cause, line in _told(lines)]


def _told(lines: Sequence[Line]) -> Iterator[tuple[Line, Line]]:
    """(the line that told of the network, the line at which the build gave up)"""
    causes: dict[tuple[str, str], tuple[int, Line]] = {}
    given_up: set[tuple[str, str]] = set()
    for place, line in enumerate(lines):
        key = (line.source, line.stream)
        text = _PREFIX.sub("", line.text[:1000])
        near = key in causes and place - causes[key][0] <= NEAR
        if _TRY.match(text):
            causes[key] = (place, line)
        elif _END.match(text):
            yield line, line
        elif near and _EFFECT.match(text):
            given_up.add(key)
            yield causes[key][1], line
        elif near and key in given_up and _STEP.match(text):
            yield causes[key][1], line


def _finding(cause: Line, at: Line) -> Finding:
    evidence = (cause.as_evidence(),) if cause is at else (cause.as_evidence(), at.as_evidence())
    return Finding(kind=BUILD_NETWORK, summary="the build did not reach its package index or mirror", evidence=evidence)
