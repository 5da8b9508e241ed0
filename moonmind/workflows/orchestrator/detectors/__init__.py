"""Turns evidence into findings. Pure: text in, findings out; a new kind of failure is one module with a `detect`.

Only the last failure of the evidence counts: what a service said before its last start has been repaired, or is hidden
behind what is wrong now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from moonmind.schemas.workflow_models import Finding, LogSource
from moonmind.workflows.orchestrator.detectors import python_modules
from moonmind.workflows.orchestrator.detectors.lines import read_lines
from moonmind.workflows.orchestrator.detectors.tracebacks import Failure, last_failure, read_failures

_OF_PYTHON: tuple[Callable[[Failure], list[Finding]], ...] = (python_modules.detect,)
"""Detectors that read one Python failure, the most specific first."""


def detect(sources: Sequence[LogSource]) -> list[Finding]:
    """Findings of the last failure in the sources, which are given from the oldest to the newest."""
    failure = last_failure(read_failures([line for source in sources for line in read_lines(source)]))
    if failure is None:
        return []
    return next((found for detector in _OF_PYTHON if (found := detector(failure))), [])
