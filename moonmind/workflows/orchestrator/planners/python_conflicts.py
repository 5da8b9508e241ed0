"""Pins that contradict each other: the smallest change of the service's own lines with which everything resolves.

The rule: one line is changed, never two. Each line that the tool's explanation speaks of is freed, first within its own
major, then within the nearest ones, and the resolver says which version would come: what the other line needs may be an
open bound, and its newest release far ahead of what both were used with. Of the lines with which the manifest resolves
the best is taken:

1. one that stays within its major before one that leaves it;
2. one that is raised before one that is lowered (a requirement is a lower bound far more often than an upper one, and
   what is newer still gets repairs);
3. one that another line needs before the one that needs it: a dependency's pin was made for another release of it.

Two lines that are equally good are shown, and a person chooses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from moonmind.schemas.workflow_models import Edit, Finding
from moonmind.workflows.orchestrator.detectors.python_packaging import CONFLICT
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning, Remedy
from moonmind.workflows.orchestrator.planners.manifests import Listed, choose_manifest, listed_in
from moonmind.workflows.orchestrator.planners.pins import resolve_with, rewritten

TRIED = 6
"""Lines that are tried; each costs the resolver five questions at most."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line changed to `version`, with what then comes."""

    line: Listed
    version: Version
    edit: Edit
    leaves_major: bool
    is_lowered: bool
    is_needed: bool

    @property
    def rank(self) -> tuple[bool, bool, bool]:
        """The smaller the better."""
        return (self.leaves_major, self.is_lowered, not self.is_needed)


def settle(finding: Finding, planning: Planning) -> list[Edit]:
    """The one best change. Raises NoSafeEditError with the candidates, or that there are none."""
    lines = _involved(finding, planning)
    changes = sorted(_changes(lines, planning), key=lambda one: one.rank)
    if not changes:
        shown = ", ".join(f"`{one.requirement}`" for one in lines)
        raise NoSafeEditError(f"no change of a single line makes it resolve (tried: {shown}): change two together")
    best = [one for one in changes if one.rank == changes[0].rank]
    if len(best) > 1:
        shown = " or ".join(f"`{one.line.requirement}` to {one.edit.version}" for one in best)
        raise NoSafeEditError(f"several changes are equally good: {shown}. Make the one that is meant")
    return [best[0].edit]


def _involved(finding: Finding, planning: Planning) -> list[Listed]:
    """The bounded lines that the explanation speaks of; all of them when it speaks of none."""
    names = finding.details.get("names", "").split()
    listed = listed_in(planning.project, choose_manifest(planning.project).root)
    bounded = [one for one in listed if one.requirement.specifier and one.requirement.url is None]
    found = [one for one in bounded if canonicalize_name(one.requirement.name) in names] or bounded
    if twice := _twice(found):
        shown = " and ".join(f"`{one.requirement}` ({one.file})" for one in twice)
        raise NoSafeEditError(
            f"{twice[0].requirement.name} is listed more than once: {shown}. Keep the one that is meant"
        )
    if not found:
        raise NoSafeEditError("none of the distributions in conflict is listed with a version: pin one of them")
    return found[:TRIED]


def _twice(lines: Sequence[Listed]) -> list[Listed]:
    names = [canonicalize_name(one.requirement.name) for one in lines]
    again = next((name for name in names if names.count(name) > 1), None)
    return [one for one in lines if canonicalize_name(one.requirement.name) == again]


def _changes(lines: Sequence[Listed], planning: Planning) -> Iterator[Change]:
    for line in lines:
        for freed in _freed(line.requirement.specifier):
            if change := _change(line, freed, lines, planning):
                yield change
                break


def _freed(old: SpecifierSet) -> list[str]:
    """What a line may admit while it is tried: its own major, the next, the one before, at last anything."""
    if (base := base_of(old)) is None:
        return [">=0"]
    majors = [base.major, base.major + 1, base.major - 1]
    return [*(f">={major},<{major + 1}" for major in majors if major >= 0), ">=0"]


def base_of(old: SpecifierSet) -> Version | None:
    """The version that a specifier is about: what it pins or asks for at least, else the last that its upper bound
    admits (of `<2` the major 1)."""
    lower = [_parsed(one.version) for one in old if one.operator not in ("<", "<=", "!=")]
    upper = [_parsed(one.version) for one in old if one.operator in ("<", "<=")]
    if found := [one for one in lower if one is not None]:
        return max(found)
    last = min((one for one in upper if one is not None), default=None)
    is_major = last is not None and last.major > 0 and not any(last.release[1:])
    return Version(str(last.major - 1)) if last is not None and is_major and SpecifierSet(f"<{last}") == old else last


def _parsed(text: str) -> Version | None:
    try:
        return Version(text.removesuffix(".*"))
    except InvalidVersion:
        return None


def _change(line: Listed, freed: str, lines: Sequence[Listed], planning: Planning) -> Change | None:
    name = canonicalize_name(line.requirement.name)
    kept = _pinned(lines, besides=name)
    try:
        came = resolve_with([_edit(line, freed, "")], planning, prefer=kept).get(name)
        if came is None:
            return None
        version, base = Version(came), base_of(line.requirement.specifier)
        specifier = rewritten(line.requirement.specifier, version)
        edit = _edit(line, specifier, _reason(line, specifier))
        resolve_with([edit], planning, prefer=kept)
    except (NoSafeEditError, InvalidVersion):
        return None
    leaves, lowered = (base is None or version.major != base.major), (base is not None and version < base)
    return Change(line, version, edit, leaves, lowered, _is_needed(line, lines, planning))


def _edit(line: Listed, specifier: str, reason: str) -> Edit:
    name = line.requirement.name
    return Edit(kind="requirement_pin", file=line.file, name=name, version=specifier, reason=reason)


def _reason(line: Listed, specifier: str) -> str:
    return (
        f"`{line.requirement}` cannot be installed with the other lines; with {line.requirement.name}{specifier} the "
        "whole manifest resolves, and no other line changes"
    )


def _pinned(lines: Sequence[Listed], besides: str) -> Mapping[str, str]:
    """The exact versions of the other lines, to be kept."""
    return {
        name: one.version
        for line in lines
        for one in line.requirement.specifier
        if one.operator == "==" and (name := canonicalize_name(line.requirement.name)) != besides
    }


def _is_needed(line: Listed, lines: Sequence[Listed], planning: Planning) -> bool:
    """Whether the pinned release of another involved line needs this one."""
    name = canonicalize_name(line.requirement.name)
    return any(name in _needs(other, version, planning) for other, version in _pinned(lines, besides=name).items())


def _needs(distribution: str, version: str, planning: Planning) -> set[str]:
    lines = planning.knowledge.index.requires(distribution, version, python=planning.facts.python) or ()
    return {canonicalize_name(requirement.name) for text in lines if (requirement := _requirement(text))}


def _requirement(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except ValueError:
        return None


REMEDIES: Mapping[str, Remedy] = {CONFLICT: settle}
