"""A missing Python module: which distribution to add, or why none; and what the service would miss next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from moonmind.schemas.workflow_models import Edit, Finding
from moonmind.workflows.orchestrator.detectors import python_modules as python
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning, RebuildFirstError, Remedy
from moonmind.workflows.orchestrator.planners.distributions import Asking, Chosen, choose, expected
from moonmind.workflows.orchestrator.planners.import_names import KnownName, known_names
from moonmind.workflows.orchestrator.planners.manifests import (
    Listed,
    Manifest,
    choose_manifest,
    explain_listed,
    listed_in,
    specifier,
)
from moonmind.workflows.orchestrator.planners.next_imports import Place, next_imports
from moonmind.workflows.orchestrator.planners.own_modules import OwnModules, own_modules
from moonmind.workflows.orchestrator.planners.present import distributions_present, is_present
from moonmind.workflows.orchestrator.planners.spelling import is_near, is_slip
from moonmind.workflows.orchestrator.planners.standard_library import (
    explain_standard,
    is_standard,
    standard_name_meant,
)
from moonmind.workflows.orchestrator.planners.statements import Wanted, wanted

MOST_ADDED = 20
"""Further imports that are looked up for one failure; a service that lacks more was never installed."""


@dataclass(frozen=True, slots=True)
class _Service:
    """What the answers for all its imports rest on."""

    planning: Planning
    manifest: Manifest
    listed: Sequence[Listed]
    own: OwnModules


def add_distribution(finding: Finding, planning: Planning) -> list[Edit]:
    """The distribution that is proven to provide the module, and those of what would be missing next; what is doubtful
    about the latter is said with the first. Raises NoSafeEditError, IndexUnavailableError."""
    project = planning.project
    own = own_modules(project.python_files, project.manifests.get("pyproject.toml"))
    needed = wanted(finding)
    _refuse_own_and_standard(needed.missing, own)
    manifest = choose_manifest(project)
    service = _Service(planning, manifest, listed_in(project, manifest.root), own)
    first = _chosen(needed, service)
    edits = [_edit(needed, first, service)]
    further, doubts = _further(finding, first, service)
    reason = " ".join([f"{edits[0].reason}.", *doubts]) if doubts else edits[0].reason
    return [edits[0].model_copy(update={"reason": reason}), *further]


def _further(finding: Finding, first: Chosen, service: _Service) -> tuple[list[Edit], list[str]]:
    """Edits for the imports that come next and are missing too, and what is said of those that get none."""
    chosen = [first]
    edits: list[Edit] = []
    doubts: list[str] = []
    for place in _missing_next(finding, service)[:MOST_ADDED]:
        needed = _wanted_at(place)
        if any(needed.module in one.release.modules for one in chosen):
            continue
        where = f"{place.file}:{place.statement.line}"
        try:
            _refuse_own_and_standard(needed.missing, service.own)
            one = _chosen(needed, service)
        except NoSafeEditError as error:
            doubts.append(f"`{needed.module}` ({where}) will be missing next: {error}.")
            continue
        if canonicalize_name(one.release.name) not in {canonicalize_name(other.release.name) for other in chosen}:
            edit = _edit(needed, one, service)
            edits.append(edit.model_copy(update={"reason": f"{where} imports it next: {edit.reason}"}))
        chosen.append(one)
    return edits, list(dict.fromkeys(doubts))


def _missing_next(finding: Finding, service: _Service) -> list[Place]:
    """Imports that are neither Python's, nor the service's own, nor there."""
    planning = service.planning
    places = [
        place for place in next_imports(python.frames_of(finding), planning.project) if _is_foreign(place, service)
    ]
    if not places:
        return []
    present = distributions_present(planning, service.manifest, service.listed)
    return [place for place in places if not is_present(_wanted_at(place), present)]


def _is_foreign(place: Place, service: _Service) -> bool:
    module = place.statement.module
    known = _is_known(module)
    return not is_standard(module, service.planning.facts.python) and not service.own.where(
        module, known_elsewhere=known
    )


def _wanted_at(place: Place) -> Wanted:
    statement = place.statement
    return Wanted(statement.module.partition(".")[0], statement.module, statement.name)


def _chosen(needed: Wanted, service: _Service) -> Chosen:
    _refuse_slip_of_listed(needed.missing, service.listed)
    planning = service.planning
    for name in expected(needed):
        if reason := explain_listed(name, list(service.listed), planning.facts.python):
            raise RebuildFirstError(f"`{needed.missing}` is missing, yet {reason}")
    asking = Asking(planning.knowledge.index, planning.facts.python, planning.now, planning.remembered)
    return choose(needed, asking, planning.instruction)


def _edit(needed: Wanted, chosen: Chosen, service: _Service) -> Edit:
    release = chosen.release
    lost = f"; {chosen.lost_in} has it no more" if chosen.lost_in else ""
    return Edit(
        kind="requirement_add",
        file=service.manifest.target,
        name=release.name,
        version=specifier(list(service.listed), release.name, release.version, below=chosen.lost_in),
        reason=f"`{needed.missing}` is missing; {chosen.proof}{lost}",
        proof=f"{chosen.proof}{lost}",
    )


def _is_known(module: str) -> bool:
    return known_names().get(module.partition(".")[0], KnownName()).sure


def _refuse_own_and_standard(module: str, own: OwnModules) -> None:
    """What must never be asked of an index, checked before anything is."""
    known = _is_known(module)
    if place := own.where(module, known_elsewhere=known):
        raise NoSafeEditError(
            f"`{module}` belongs to the service itself ({place}): it is not copied into the image, or the program "
            "starts in another folder, or the module has another name"
        )
    if reason := explain_standard(module):
        raise NoSafeEditError(reason)
    if not known and (meant := own.meant(module)):
        raise NoSafeEditError(f"`{module}` looks like a misspelling of the service's own `{meant}`: correct the import")
    if not known and (meant := standard_name_meant(module)):
        raise NoSafeEditError(
            f"`{module}` looks like a misspelling of the standard library's `{meant}`: correct the import"
        )


def _refuse_slip_of_listed(module: str, listed: Sequence[Listed]) -> None:
    """A squatter's distribution holds the misspelt module, so being seen in the index proves nothing here."""
    if _is_known(module):
        return
    top = module.partition(".")[0]
    for one in listed:
        name = one.requirement.name.lower().replace("-", "_")
        if is_slip(top, name) or (is_near(top, name) and not top.startswith(name)):
            raise NoSafeEditError(
                f"`{module}` looks like a misspelling of `{one.requirement.name}`, which {one.file} lists: "
                "correct the import"
            )


REMEDIES: Mapping[str, Remedy] = {python.MODULE_MISSING: add_distribution}
