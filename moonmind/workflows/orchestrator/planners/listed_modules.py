"""A module that is missing although its distribution is listed: the release that gets installed has it no more, or what
runs is older than the list. What is known to be installed without it is `python_names`' to hold back."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.utils import canonicalize_name

from moonmind.schemas.workflow_models import Edit, ServiceFacts
from moonmind.workflows.orchestrator.planners import NoSafeEditError, RebuildFirstError
from moonmind.workflows.orchestrator.planners.distributions import Asking, find_provided
from moonmind.workflows.orchestrator.planners.manifests import Listed, applies, explain_listed, pin_below
from moonmind.workflows.orchestrator.planners.releases import Provided
from moonmind.workflows.orchestrator.planners.statements import Wanted
from moonmind.workflows.orchestrator.ports import Release


def explain_or_pin(
    distribution: str, needed: Wanted, listed: Sequence[Listed], facts: ServiceFacts, asking: Asking
) -> tuple[Edit, Release] | None:
    """A pin below the release that lost the module, when the list lets that release in; None when the distribution is
    not listed.

    Raises RebuildFirstError when it is listed and has only to be installed, NoSafeEditError when that would not help,
    IndexUnavailableError.
    """
    reason = explain_listed(distribution, listed, facts.python)
    if reason is None:
        return None
    found = [one for one in listed if one.binding and _is(one, distribution)]
    counting = [one for one in found if applies(one.requirement.marker, facts.python)]
    if not counting:
        raise NoSafeEditError(f"`{needed.missing}` is missing, yet {reason}")
    one = counting[0]
    if version := _installed(one, facts):
        raise NoSafeEditError(
            f"`{needed.missing}` is missing, yet {one.file} lists `{one.requirement}` and {version} of it is "
            "installed: take a release that provides the module"
        )
    provided = find_provided(distribution, needed, asking) if one.requirement.url is None else None
    if provided is not None and provided.lost_in is not None and one.requirement.specifier.contains(provided.lost_in):
        return _pin(one, needed, provided, provided.lost_in)
    raise RebuildFirstError(f"`{needed.missing}` is missing, yet {reason}")


def _pin(one: Listed, needed: Wanted, provided: Provided, lost_in: str) -> tuple[Edit, Release]:
    release = provided.release
    proof = (
        f"{release.name} {release.version} is the last release that provides `{needed.module}`; {lost_in} has "
        f"it no more, and {one.file} lists `{one.requirement}`"
    )
    edit = Edit(
        kind="requirement_pin",
        file=one.file,
        name=one.requirement.name,
        version=pin_below(one, release.version, lost_in),
        reason=f"`{needed.missing}` is missing; {proof}",
        proof=proof,
    )
    return edit, release


def _installed(one: Listed, facts: ServiceFacts) -> str | None:
    return next((version for name, version in facts.installed.items() if _is(one, name)), None)


def _is(one: Listed, distribution: str) -> bool:
    return canonicalize_name(one.requirement.name) == canonicalize_name(distribution)
