"""A missing Python module, in the order of what is surest.

1. The installed release of a distribution has lost it: that distribution is held back (`python_names`).
2. A library imports it, and declares what provides it as an extra: that is added (`python_extras`).
3. It is not listed: what is proven to provide it is added (`python_modules`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from moonmind.schemas.workflow_models import Edit, Finding
from moonmind.workflows.orchestrator.detectors.lines import read_lines
from moonmind.workflows.orchestrator.detectors.owners import PYTHON, libraries, owners
from moonmind.workflows.orchestrator.detectors.python_modules import MODULE_MISSING
from moonmind.workflows.orchestrator.detectors.tracebacks import Raised, read_failures
from moonmind.workflows.orchestrator.planners import Planning, Remedy
from moonmind.workflows.orchestrator.planners.python_extras import optional_of
from moonmind.workflows.orchestrator.planners.python_modules import add_distribution
from moonmind.workflows.orchestrator.planners.python_names import restore_module
from moonmind.workflows.orchestrator.planners.standard_library import was_standard


def provide_module(finding: Finding, planning: Planning) -> Sequence[Edit]:
    """The first of the three that has an answer. Raises NoSafeEditError, IndexUnavailableError."""
    module = finding.subject or ""
    if restored := restore_module(module, planning):
        return restored
    importers = [] if was_standard(module) else _importing_libraries(finding, planning)
    if importers and (optional := optional_of(module, importers, planning)):
        return optional
    return add_distribution(finding, planning)


def _importing_libraries(finding: Finding, planning: Planning) -> list[str]:
    """The libraries that the import ran through, the deepest first; none when the service's own file imports."""
    raised = _raised(finding, planning)
    asked = [one for one in owners(raised.frames) if one != PYTHON] if raised is not None else []
    return libraries(raised.frames) if raised is not None and asked and asked[0] is not None else []


def _raised(finding: Finding, planning: Planning) -> Raised | None:
    """The exception of the finding in the logs it was found in; its last line of evidence is its place."""
    if not finding.evidence:
        return None
    at = (finding.evidence[-1].source, finding.evidence[-1].line)
    lines = [line for source in planning.sources for line in read_lines(source)]
    raised = (one for failure in read_failures(lines) for one in failure.chain)
    return next((one for one in raised if (one.line.source, one.line.number) == at), None)


REMEDIES: Mapping[str, Remedy] = {MODULE_MISSING: provide_module}
