"""A missing Python module: which distribution to add, or why none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from moonmind.schemas.workflow_models import Edit, Finding
from moonmind.workflows.orchestrator.detectors import python_modules as python
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning, Project, RebuildFirstError, Remedy
from moonmind.workflows.orchestrator.planners.distributions import candidates, choose
from moonmind.workflows.orchestrator.planners.import_names import KnownName, known_names
from moonmind.workflows.orchestrator.planners.manifests import (
    Listed,
    choose_manifest,
    explain_listed,
    listed_in,
    specifier,
)
from moonmind.workflows.orchestrator.planners.own_modules import own_modules
from moonmind.workflows.orchestrator.planners.spelling import is_near, is_slip
from moonmind.workflows.orchestrator.planners.standard_library import explain_standard, standard_name_meant
from moonmind.workflows.orchestrator.planners.statements import wanted


def add_distribution(finding: Finding, planning: Planning) -> list[Edit]:
    """The distribution that is proven to provide the module. Raises NoSafeEditError, IndexUnavailableError."""
    project, python_version = planning.project, planning.facts.python
    needed = wanted(finding)
    _refuse_own_and_standard(needed.missing, project)
    manifest = choose_manifest(project)
    listed = listed_in(project, manifest.root)
    _refuse_slip_of_listed(needed.missing, listed)
    for name in candidates(needed):
        if reason := explain_listed(name, listed, python_version):
            raise RebuildFirstError(f"`{needed.missing}` is missing, yet {reason}")
    chosen = choose(
        needed,
        planning.knowledge.index,
        python=python_version,
        instruction=planning.instruction,
        remembered=planning.remembered,
    )
    release = chosen.release
    edit = Edit(
        kind="requirement_add",
        file=manifest.target,
        name=release.name,
        version=specifier(listed, release.name, release.version),
        reason=f"`{needed.missing}` is missing; {chosen.proof}",
        proof=chosen.proof,
    )
    return [edit]


def _refuse_own_and_standard(module: str, project: Project) -> None:
    """What must never be asked of an index, checked before anything is."""
    known = known_names().get(module.partition(".")[0], KnownName()).sure
    own = own_modules(project.python_files, project.manifests.get("pyproject.toml"))
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
    top = module.partition(".")[0]
    if known_names().get(top, KnownName()).sure:
        return
    for one in listed:
        name = one.requirement.name.lower().replace("-", "_")
        if is_slip(top, name) or (is_near(top, name) and not top.startswith(name)):
            raise NoSafeEditError(
                f"`{module}` looks like a misspelling of `{one.requirement.name}`, which {one.file} lists: "
                "correct the import"
            )


REMEDIES: Mapping[str, Remedy] = {python.MODULE_MISSING: add_distribution}
