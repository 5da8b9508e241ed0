"""Writes a chosen version into the manifest, in its own style, and shows that the whole manifest still resolves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packaging.specifiers import Specifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from moonmind.schemas.workflow_models import Edit
from moonmind.workflows.orchestrator.edits import EditRefusedError, apply_edits
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning
from moonmind.workflows.orchestrator.planners.manifests import Listed, choose_manifest, listed_in, specifier
from moonmind.workflows.orchestrator.planning_ports import UnresolvableError

MOVES_SHOWN = 5
"""Other distributions whose major changes along, that are named in a reason."""

_EXPLANATION = 600
"""Characters of a resolver's explanation that are repeated."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A version for one distribution. `below`: no release from there on (a version's text), None for no such bound."""

    distribution: str
    version: Version
    reason: str
    proof: str
    below: str | None = None


def pin(wanted: Pin, planning: Planning, present: Mapping[str, str]) -> list[Edit]:
    """The one edit that makes the manifest ask for that version, proven by the resolver.

    Raises NoSafeEditError when the manifest would not resolve, or to another version.
    """
    edit = _edit(wanted, planning)
    resolved = resolve_with([edit], planning, prefer=present)
    came = resolved.get(canonicalize_name(wanted.distribution))
    if came is None or (wanted.below is not None and Version(came) >= Version(wanted.below)):
        raise NoSafeEditError(f"{edit.name}{edit.version} would not give {wanted.version}: the manifest asks otherwise")
    if wanted.below is None and Version(came) != wanted.version and "==" in (edit.version or ""):
        raise NoSafeEditError(f"{edit.name}{edit.version} would give {came}: the manifest asks otherwise")
    return [edit.model_copy(update={"reason": f"{edit.reason}{moved(present, resolved, wanted.distribution)}"})]


def line_of(distribution: str, planning: Planning) -> Listed | None:
    """The line that asks for the distribution, a constraint where that alone says which; None when it is not listed.

    Raises NoSafeEditError when there are several, or it is taken from elsewhere than the index.
    """
    listed = listed_in(planning.project, choose_manifest(planning.project).root)
    found = [one for one in listed if canonicalize_name(one.requirement.name) == canonicalize_name(distribution)]
    bounded = [one for one in found if one.requirement.specifier] or found[:1]
    if len(bounded) > 1:
        lines = " and ".join(f"`{one.requirement}` ({one.file})" for one in bounded)
        raise NoSafeEditError(f"{distribution} is listed more than once, as {lines}: keep the line that is meant")
    if bounded and bounded[0].requirement.url is not None:
        raise NoSafeEditError(f"{bounded[0].file} takes {distribution} from a file or a repository of its own")
    return bounded[0] if bounded else None


def rewritten(old: SpecifierSet, version: Version, *, below: str | None = None) -> str:
    """`old` changed as little as admits `version`: exact stays exact, bounds that fit stay, a bound that does not moves
    to the version's series (major.minor)."""
    clauses = list(old)
    if any(one.operator in ("==", "===") for one in clauses):
        return f"=={version}"
    if any(one.operator == "~=" and (below or not _fits(one, version)) for one in clauses):
        return f"~={version}" if len(version.release) > 1 else f"=={version}"
    kept = [one for one in clauses if _fits(one, version)]
    uppers = [one for one in kept if one.operator in ("<", "<=")]
    others = [one for one in kept if one not in uppers]
    if not any(one.operator in (">=", ">", "~=") for one in others) and any(
        one.operator in (">=", ">") for one in clauses
    ):
        others.append(Specifier(f">={version.major}.{version.minor}"))
    if below:
        uppers = [Specifier(f"<{below}")]
    elif len(kept) < len(clauses) and not uppers and any(one.operator in ("<", "<=") for one in clauses):
        uppers = [Specifier(f"<{next_series(version)}")]
    return ",".join([*sorted(map(str, others), reverse=True), *sorted(map(str, uppers))])


def next_series(version: Version) -> str:
    """The first version after the series (major.minor) of this one."""
    return f"{version.major}.{version.minor + 1}"


def resolve_with(
    edits: Sequence[Edit], planning: Planning, *, prefer: Mapping[str, str] | None = None
) -> Mapping[str, str]:
    """What the manifest brings with these edits. Raises NoSafeEditError with the resolver's explanation."""
    files = planning.project.manifests
    root = choose_manifest(planning.project).root
    try:
        after = {**files, **apply_edits(files, edits)}
        return planning.knowledge.resolver.resolve(after, root, python=planning.facts.python, prefer=prefer)
    except EditRefusedError as error:
        raise NoSafeEditError(str(error)) from None
    except UnresolvableError as error:
        shown = ", ".join(f"{edit.name}{edit.version or ''}" for edit in edits)
        raise NoSafeEditError(f"with {shown} the manifest cannot be resolved: {str(error)[:_EXPLANATION]}") from None


def moved(present: Mapping[str, str], resolved: Mapping[str, str], besides: str) -> str:
    """A sentence on the other distributions whose major version changes along, "" when there are none."""
    own = canonicalize_name(besides)
    changed = [
        f"{name} {present[name]} → {version}"
        for name, version in sorted(resolved.items())
        if name != own and name in present and major(present[name]) != major(version)
    ]
    return f" (with it: {', '.join(changed[:MOVES_SHOWN])})" if changed else ""


def major(version: str) -> int | None:
    """The first number of a version, None for one that PEP 440 does not know."""
    try:
        return Version(version).major
    except InvalidVersion:
        return None


def _edit(wanted: Pin, planning: Planning) -> Edit:
    if line := line_of(wanted.distribution, planning):
        text = rewritten(line.requirement.specifier, wanted.version, below=wanted.below)
        return Edit(
            kind="requirement_pin",
            file=line.file,
            name=line.requirement.name,
            version=_in_style(text, wanted, planning, is_bare=not line.requirement.specifier),
            reason=wanted.reason,
            proof=wanted.proof,
        )
    return Edit(
        kind="requirement_add",
        file=choose_manifest(planning.project).target,
        name=canonicalize_name(wanted.distribution),
        version=_in_style("", wanted, planning, is_bare=True),
        reason=wanted.reason,
        proof=wanted.proof,
    )


def _in_style(text: str, wanted: Pin, planning: Planning, *, is_bare: bool) -> str:
    """A line without any bound gets one the way most of the file's lines are written: exact, or an upper bound."""
    if not is_bare:
        return text
    listed = listed_in(planning.project, choose_manifest(planning.project).root)
    style = specifier([one for one in listed if one.binding], wanted.distribution, str(wanted.version)) or ""
    if style.startswith("=="):
        return f"=={wanted.version}"
    return f"<{wanted.below}" if wanted.below else f">={wanted.version.major}.{wanted.version.minor}"


def _fits(clause: Specifier, version: Version) -> bool:
    return clause.contains(version, prereleases=True)
