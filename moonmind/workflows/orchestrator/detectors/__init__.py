"""Turns evidence into findings. Pure: text in, findings out; a new kind of failure is one module with a `find`.

Only the last failure of the evidence counts: what a service said before its last start has been repaired, or is hidden
behind what is wrong now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from moonmind.schemas.workflow_models import Finding, LogSource
from moonmind.workflows.orchestrator.detectors import (
    build_networks,
    dockerfiles,
    environment,
    node_modules,
    npm,
    os_executables,
    os_libraries,
    os_toolchain,
    own_code,
    python_abi,
    python_builds,
    python_extras,
    python_modules,
    python_names,
    python_packaging,
    tracebacks,
)
from moonmind.workflows.orchestrator.detectors.lines import Line, Seen, read_lines

Detector = Callable[[Sequence[Line]], list[Seen]]
"""Every failure of its kind that the lines tell of, in any order; all lines of all sources, the oldest first."""

DETECTORS: tuple[Detector, ...] = (
    build_networks.find,
    python_packaging.find,
    python_builds.find,
    python_abi.find,
    os_toolchain.find,
    node_modules.find,
    npm.find,
    os_executables.find,
    python_extras.find,
    python_names.find,
    os_libraries.find,
    python_modules.find,
    dockerfiles.find,
    own_code.find,
    environment.find,
    tracebacks.find_any,
    node_modules.find_any,
)
"""Of two findings at the same line the one of the earlier detector counts: the more specific come first."""


def detect(sources: Sequence[LogSource]) -> list[Finding]:
    """Findings of the last failure in the sources, which come from the oldest to the newest, by different names."""
    lines = [line for source in sources for line in read_lines(source)]
    places = {(line.source, line.number): place for place, line in enumerate(lines)}
    seen = [(places[one.at.source, one.at.number], one.finding) for detector in DETECTORS for one in detector(lines)]
    last = max((place for place, _ in seen), default=-1)
    counts = next((finding for place, finding in seen if place == last), None)
    return [] if counts is None or counts.kind == tracebacks.UNKNOWN else [counts]
