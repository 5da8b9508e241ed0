"""The default planner: fixed rules, no network but the package indexes. What it is not sure of it explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from moonmind.schemas.workflow_models import Edit, Finding, GeneratedBy
from moonmind.workflows.orchestrator.detectors import python_modules as python
from moonmind.workflows.orchestrator.planners import (
    NoSafeEditError,
    Planning,
    Proposal,
    RebuildFirstError,
    Remedy,
    docker_commands,
    docker_copies,
    docker_images,
    explanations,
    node_packages,
    npm,
    os_remedies,
    python_abi,
    python_conflicts,
    python_extras,
    python_missing,
    python_names,
    python_pins,
)

REMEDIES: Mapping[str, Remedy] = {
    **os_remedies.REMEDIES,
    **docker_images.REMEDIES,
    **docker_copies.REMEDIES,
    **node_packages.REMEDIES,
    **docker_commands.REMEDIES,
    **npm.REMEDIES,
    **python_names.REMEDIES,
    **python_conflicts.REMEDIES,
    **python_pins.REMEDIES,
    **python_extras.REMEDIES,
    **python_abi.REMEDIES,
    **python_missing.REMEDIES,
}
"""What repairs a finding, by its kind."""

EXPLAINED: Mapping[str, str] = {
    **explanations.EXPLAINED,
    **python_names.EXPLAINED,
    **python_abi.EXPLAINED,
    python.NOT_A_PACKAGE: "a file with a package's name comes first on the module path: rename that file",
    **os_remedies.EXPLAINED,
    **docker_commands.EXPLAINED,
}
"""Finding kinds that no edit of a file repairs, and what a person would do."""


class RulesPlanner:
    """`planners.Planner` by fixed rules."""

    generated_by: GeneratedBy = "system"

    def propose(self, findings: Sequence[Finding], planning: Planning) -> Proposal:
        """See `propose`."""
        return propose(findings, planning)


RULES = RulesPlanner()


def propose(findings: Sequence[Finding], planning: Planning) -> Proposal:
    """Edits for the findings that can be repaired safely; without any, the reasons. Raises IndexUnavailableError."""
    edits: list[Edit] = []
    reasons: list[str] = []
    stale = 0
    for finding in findings:
        try:
            found = _remedy(finding)(finding, planning)
            edits += found
            reasons += [edit.reason for edit in found]
        except NoSafeEditError as error:
            reasons.append(str(error))
            stale += isinstance(error, RebuildFirstError)
    return Proposal(tuple(edits), "\n".join(reasons), rebuild=0 < stale == len(findings))


def _remedy(finding: Finding) -> Remedy:
    if finding.kind in REMEDIES:
        return REMEDIES[finding.kind]
    raise NoSafeEditError(EXPLAINED[finding.kind])
