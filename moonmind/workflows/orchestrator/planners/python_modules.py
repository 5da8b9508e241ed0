"""A missing Python module: which distribution to add, or why none; and what the service would miss next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from moonmind.schemas.workflow_models import Edit, Finding
from moonmind.workflows.orchestrator.detectors import python_modules as python
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning, RebuildFirstError
from moonmind.workflows.orchestrator.planners.distributions import Asking, choose, expected
from moonmind.workflows.orchestrator.planners.listed_modules import explain_or_pin
from moonmind.workflows.orchestrator.planners.manifests import Listed, Manifest, choose_manifest, listed_in, specifier
from moonmind.workflows.orchestrator.planners.never_fetched import (
    is_known_elsewhere,
    refuse_own_and_standard,
    refuse_slip_of_listed,
)
from moonmind.workflows.orchestrator.planners.next_imports import Place, failed_import, importing_file, next_imports
from moonmind.workflows.orchestrator.planners.own_modules import OwnModules, own_modules
from moonmind.workflows.orchestrator.planners.present import distributions_present, is_present
from moonmind.workflows.orchestrator.planners.standard_library import is_standard
from moonmind.workflows.orchestrator.planners.statements import Wanted, wanted
from moonmind.workflows.orchestrator.ports import Release

MOST_ADDED = 20
"""Further imports that are looked up for one failure; a service that lacks more was never installed."""


@dataclass(frozen=True, slots=True)
class _Service:
    """What the answers for all its imports rest on. `coming`: what it imports besides the one that failed."""

    planning: Planning
    manifest: Manifest
    listed: Sequence[Listed]
    own: OwnModules
    coming: Sequence[Place]


@dataclass(frozen=True, slots=True)
class _Answer:
    edit: Edit
    release: Release


def add_distribution(finding: Finding, planning: Planning) -> list[Edit]:
    """The distribution that is proven to provide the module, and those of what would be missing next; what is doubtful
    about any of them is said with the rest. Raises NoSafeEditError when nothing is proven, IndexUnavailableError."""
    project = planning.project
    own = own_modules(project.python_files, project.manifests.get("pyproject.toml"))
    needed = _wanted(finding, planning)
    try:
        refuse_own_and_standard(needed, own, project, importing_file(python.frames_of(finding), project))
        service = _service(finding, planning, own)
        first = _answer(needed, service)
    except RebuildFirstError:
        raise
    except NoSafeEditError as error:
        return _without_the_first(finding, planning, own, error)
    answers, doubts = _further([first], service)
    if any(set(needed.paths[:2]) & one.release.modules for one in answers[1:]):
        answers = answers[1:]  # a distribution that another import needs provides this one too
    return _edits(answers, doubts)


def _service(finding: Finding, planning: Planning, own: OwnModules) -> _Service:
    """Raises NoSafeEditError when there is no manifest to edit."""
    manifest = choose_manifest(planning.project)
    coming = next_imports(python.frames_of(finding), finding.subject or "", planning.project)
    return _Service(planning, manifest, listed_in(planning.project, manifest.root), own, coming)


def _without_the_first(finding: Finding, planning: Planning, own: OwnModules, error: NoSafeEditError) -> list[Edit]:
    """What can be proven of the imports that come next, when there is nothing to add for the one that failed."""
    try:
        answers, doubts = _further([], _service(finding, planning, own))
    except NoSafeEditError:
        raise error from None
    if not answers:
        raise NoSafeEditError(" ".join([str(error), *doubts])) from None
    return _edits(answers, [f"{error}.", *doubts])


def _edits(answers: Sequence[_Answer], doubts: Sequence[str]) -> list[Edit]:
    """One edit a distribution; what is doubtful is said with the first."""
    edits = {canonicalize_name(one.edit.name or ""): one.edit for one in reversed(answers)}
    first, *rest = reversed(edits.values())
    reason = " ".join([f"{first.reason}.", *doubts]) if doubts else first.reason
    return [first.model_copy(update={"reason": reason}), *rest]


def _wanted(finding: Finding, planning: Planning) -> Wanted:
    """From the statement as the log shows it, or as the service's file has it: a log shows its first line at most."""
    shown = wanted(finding)
    if shown.name is not None:
        return shown
    statement = failed_import(python.frames_of(finding), shown.missing, planning.project)
    return Wanted(shown.missing, statement.module, statement.name) if statement else shown


def _further(first: list[_Answer], service: _Service) -> tuple[list[_Answer], list[str]]:
    """The answers with those for the imports that come next and are missing too, and what is said of those without."""
    answers = [*first]
    doubts: list[str] = []
    for place in _missing_next(service)[:MOST_ADDED]:
        needed = _wanted_at(place)
        if any(set(needed.paths[:2]) & one.release.modules for one in answers):
            continue
        where = f"{place.file}:{place.statement.line}"
        try:
            refuse_own_and_standard(needed, service.own, service.planning.project, place.file)
            answer = _answer(needed, service)
        except NoSafeEditError as error:
            doubts.append(f"`{needed.module}` ({where}) will be missing next: {error}.")
            continue
        reason = f"{where} imports it next: {answer.edit.reason}"
        answers.append(_Answer(answer.edit.model_copy(update={"reason": reason}), answer.release))
    return answers, list(dict.fromkeys(doubts))


def _missing_next(service: _Service) -> list[Place]:
    """Imports that are neither Python's, nor the service's own, nor there."""
    places = [place for place in service.coming if _is_foreign(place, service)]
    if not places:
        return []
    present = distributions_present(service.planning, service.manifest, service.listed)
    return [place for place in places if not is_present(_wanted_at(place), present)]


def _is_foreign(place: Place, service: _Service) -> bool:
    needed = _wanted_at(place)
    known = is_known_elsewhere(needed, service.own, service.planning.project, place.file)
    is_own = service.own.where(needed.missing, known_elsewhere=known)
    return not is_own and not is_standard(needed.missing, service.planning.facts.python)


def _wanted_at(place: Place) -> Wanted:
    statement = place.statement
    return Wanted(statement.module.partition(".")[0], statement.module, statement.name)


def _answer(needed: Wanted, service: _Service) -> _Answer:
    planning, listed = service.planning, service.listed
    refuse_slip_of_listed(needed.missing, listed)
    beside = frozenset(place.statement.module.partition(".")[0] for place in service.coming)
    asking = Asking(planning.knowledge.index, planning.facts.python, planning.now, planning.remembered, beside)
    for name in expected(needed):
        if pin := explain_or_pin(name, needed, listed, planning.facts, asking):
            return _Answer(*pin)
    chosen = choose(needed, asking, planning.instruction)
    release = chosen.release
    lost = f"; {chosen.lost_in} has it no more" if chosen.lost_in else ""
    edit = Edit(
        kind="requirement_add",
        file=service.manifest.target,
        name=release.name,
        version=specifier(listed, release.name, release.version, below=chosen.lost_in),
        reason=f"`{needed.missing}` is missing; {chosen.proof}{lost}",
        proof=f"{chosen.proof}{lost}",
    )
    return _Answer(edit, release)
