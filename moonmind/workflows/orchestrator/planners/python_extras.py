"""An optional dependency that a library asks for: added when that very release declares it as one of its extras.

The message is untrusted (a package's maker or the service's input may have written it): its words only choose among
what the metadata of the installed release declares (`Requires-Dist: …; extra == "…"`). The libraries that the failure
ran through are asked from the deepest up. Of one library:

1. words that name distributions which its extras require: exactly one is taken;
2. else words that name an extra, of which exactly one distribution is missing.

An extra that passes on to another distribution's extra (`kombu[redis]`) is followed once. Anything else is explained;
where the failure's chain tells a module that could not be imported, that is looked for instead.

A missing module that a library imports, not the service, is asked of that library first (`optional_of`): the one absent
distribution among its extras that provides the module is meant, whatever else has the module's name (Django's extra
`argon2` is argon2-cffi, and there is an `argon2`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from moonmind.schemas.workflow_models import Edit, Finding
from moonmind.workflows.orchestrator.detectors.python_extras import EXTRA_MISSING
from moonmind.workflows.orchestrator.detectors.python_modules import MODULE_MISSING
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning, RebuildFirstError, Remedy
from moonmind.workflows.orchestrator.planners.import_names import KnownName, known_names
from moonmind.workflows.orchestrator.planners.installed import distribution_of, present_versions
from moonmind.workflows.orchestrator.planners.manifests import (
    applies,
    choose_manifest,
    explain_listed,
    listed_in,
    specifier,
)
from moonmind.workflows.orchestrator.planners.pins import resolve_with
from moonmind.workflows.orchestrator.planners.python_modules import add_distribution

ASKED = 4
"""Libraries of one failure whose metadata are read."""

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,98}")
_EXTRA = re.compile(r"""\bextra\s*==\s*["'](?P<extra>[\w.-]{1,80})["']""")


@dataclass(frozen=True, slots=True)
class Optional:
    """A distribution that an extra of a release asks for."""

    owner: str
    version: str
    extra: str
    needs: Requirement

    @property
    def name(self) -> str:
        """Normalised."""
        return canonicalize_name(self.needs.name)


def add_optional(finding: Finding, planning: Planning) -> list[Edit]:
    """The optional dependency that is missing. Raises NoSafeEditError, IndexUnavailableError."""
    present = present_versions(planning)
    hint = finding.details.get("hint", "")
    for module in finding.details.get("libraries", "").split()[:ASKED]:
        distribution = distribution_of(module, planning, present)
        if distribution and distribution in present:
            found = list(_optional(distribution, present[distribution], planning, present))
            if chosen := _chosen(hint, found, present):
                return _add(chosen, planning, present)
    if missing := finding.details.get("missing"):
        return add_distribution(finding.model_copy(update={"kind": MODULE_MISSING, "subject": missing}), planning)
    raise NoSafeEditError(
        "what it asks for is not among the extras of any installed distribution that the failure ran through, and the "
        "text of a message alone proves nothing: check it and add it by hand"
    )


def optional_of(module: str, libraries: Sequence[str], planning: Planning) -> list[Edit]:
    """The dependency that a library's extra declares and that provides the module; none where no extra does.

    `libraries`: installed top-level modules, the one that imports first. Raises NoSafeEditError.
    """
    present = present_versions(planning)
    for library in libraries[:1]:
        distribution = distribution_of(library, planning, present)
        if distribution is None or distribution not in present:
            continue
        declared = _optional(distribution, present[distribution], planning, present)
        absent = {one.name: one for one in declared if one.name not in present and _resembles(one.name, module)}
        proven = [one for one in list(absent.values())[:ASKED] if _provides(one.name, module, planning)]
        if len(proven) == 1:
            return _add(proven[0], planning, present)
    return []


def _resembles(distribution: str, module: str) -> bool:
    """Whether it is worth a look: the names share a beginning, or the kept data know the one for the other."""
    top = canonicalize_name(module.partition(".")[0])
    known = known_names().get(module.partition(".")[0], KnownName()).candidates
    return top in distribution or distribution in top or distribution in [canonicalize_name(one) for one in known]


def _provides(distribution: str, module: str, planning: Planning) -> bool:
    release = planning.knowledge.index.newest(distribution, python=planning.facts.python)
    return release is not None and module in release.modules


def _optional(
    distribution: str, version: str, planning: Planning, present: Mapping[str, str], *, follow: bool = True
) -> Iterator[Optional]:
    lines = planning.knowledge.index.requires(distribution, version, python=planning.facts.python) or ()
    for needs in (requirement for line in lines if (requirement := _requirement(line))):
        for extra in _extras_of(needs.marker, planning):
            yield Optional(distribution, version, extra, needs)
            if follow and needs.extras and (name := canonicalize_name(needs.name)) in present:
                below = _optional(name, present[name], planning, present, follow=False)
                yield from (
                    Optional(distribution, version, extra, one.needs) for one in below if one.extra in needs.extras
                )


def _extras_of(marker: Marker | None, planning: Planning) -> list[str]:
    """The extras which alone make a requirement apply here."""
    python = planning.facts.python
    if marker is None or applies(marker, python):
        return []
    named = dict.fromkeys(found["extra"] for found in _EXTRA.finditer(str(marker)))
    return [extra for extra in named if applies(marker, python, extra)]


def _chosen(hint: str, found: list[Optional], present: Mapping[str, str]) -> Optional | None:
    words = {canonicalize_name(word.strip(".-_")) for word in _WORD.findall(hint)}
    absent = [one for one in found if one.name not in present]
    named = {one.name: one for one in absent if one.name in words}
    if len(named) == 1:
        return next(iter(named.values()))
    if named:
        return None
    of_extra = {one.name: one for one in absent if canonicalize_name(one.extra) in words and not one.needs.extras}
    return next(iter(of_extra.values())) if len(of_extra) == 1 else None


def _add(chosen: Optional, planning: Planning, present: Mapping[str, str]) -> list[Edit]:
    manifest = choose_manifest(planning.project)
    listed = listed_in(planning.project, manifest.root)
    if reason := explain_listed(chosen.name, listed, planning.facts.python):
        raise RebuildFirstError(f"`{chosen.name}` is missing, yet {reason}")
    proof = f"{chosen.owner} {chosen.version} declares `{chosen.needs}` (its metadata in the index)"
    bare = Edit(
        kind="requirement_add",
        file=manifest.target,
        name=chosen.name,
        version=str(chosen.needs.specifier) or None,
        reason=f"{chosen.owner} asks for its optional dependency `{chosen.name}` (extra `{chosen.extra}`); {proof}",
        proof=proof,
    )
    version = resolve_with([bare], planning, prefer=present).get(chosen.name)
    if version is None:
        raise NoSafeEditError(f"the manifest does not resolve to any release of {chosen.name}: add it by hand")
    return [bare.model_copy(update={"version": specifier(listed, chosen.name, version) or bare.version})]


def _requirement(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


REMEDIES: Mapping[str, Remedy] = {EXTRA_MISSING: add_optional}
