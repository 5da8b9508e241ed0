"""A module that is missing although its distribution is listed: the release that gets installed has it no more, or what
runs is older than the list."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from moonmind.schemas.workflow_models import Edit, ServiceFacts
from moonmind.workflows.orchestrator.planners import NoSafeEditError
from moonmind.workflows.orchestrator.planners.distributions import Asking, find_provided
from moonmind.workflows.orchestrator.planners.manifests import Listed, applies, explain_listed, pin_below
from moonmind.workflows.orchestrator.planners.releases import Provided
from moonmind.workflows.orchestrator.planners.statements import Wanted
from moonmind.workflows.orchestrator.ports import Release


def explain_or_pin(
    distribution: str, needed: Wanted, listed: Sequence[Listed], facts: ServiceFacts, asking: Asking
) -> tuple[Edit, Release] | None:
    """A pin below the release that lost the module, when the list lets that release in; None when the distribution is
    not listed. Raises NoSafeEditError when it is and no pin helps, IndexUnavailableError."""
    reason = explain_listed(distribution, listed, facts.python)
    if reason is None:
        return None
    one = next(one for one in listed if one.binding and _is(one, distribution))
    is_chosen_by_version = one.requirement.url is None and applies(one.requirement.marker, facts.python)
    provided = find_provided(distribution, needed, asking) if is_chosen_by_version else None
    if provided is None or provided.lost_in is None or not _has_lost(one, provided, facts):
        raise NoSafeEditError(f"`{needed.missing}` is missing, yet {reason}")
    release = provided.release
    proof = (
        f"{release.name} {release.version} is the last release that provides `{needed.module}`; {provided.lost_in} has "
        f"it no more, and {one.file} lists `{one.requirement}`"
    )
    edit = Edit(
        kind="requirement_pin",
        file=one.file,
        name=one.requirement.name,
        version=pin_below(one, release.version, provided.lost_in),
        reason=f"`{needed.missing}` is missing; {proof}",
        proof=proof,
    )
    return edit, release


def _has_lost(one: Listed, provided: Provided, facts: ServiceFacts) -> bool:
    """True when what is installed, or, if that is not known, what the list lets in, is a release without the module."""
    lost_in = provided.lost_in or ""
    installed = {canonicalize_name(name): version for name, version in facts.installed.items()}
    try:
        if version := installed.get(canonicalize_name(one.requirement.name)):
            return Version(version) >= Version(lost_in)
    except InvalidVersion:
        return False
    return one.requirement.specifier.contains(lost_in)


def _is(one: Listed, distribution: str) -> bool:
    return canonicalize_name(one.requirement.name) == canonicalize_name(distribution)
