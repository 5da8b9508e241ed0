"""Imports that are never asked of an index, whatever is published there under their names: the service's own, Python's,
and slips of the keyboard for either or for what is listed."""

from __future__ import annotations

from collections.abc import Sequence

from moonmind.workflows.orchestrator.planners import NoSafeEditError, Project
from moonmind.workflows.orchestrator.planners.import_names import KnownName, known_names
from moonmind.workflows.orchestrator.planners.imports import defined_names
from moonmind.workflows.orchestrator.planners.manifests import Listed
from moonmind.workflows.orchestrator.planners.own_modules import OwnModules
from moonmind.workflows.orchestrator.planners.spelling import is_near, is_slip
from moonmind.workflows.orchestrator.planners.standard_library import explain_standard, standard_name_meant
from moonmind.workflows.orchestrator.planners.statements import Wanted


def known_name(module: str) -> KnownName:
    """What the data says of the module's top level, nothing when it is not sure."""
    known = known_names().get(module.partition(".")[0], KnownName())
    return known if known.sure else KnownName()


def is_known_elsewhere(needed: Wanted, own: OwnModules, project: Project, importer: str | None) -> bool:
    """Whether a known distribution is meant although a module further inside the service has the name.

    A widely known one is. Of one that only collections of packages name: when the inner module is the file that imports
    (`celery.py` that takes from `celery`), or does not define what is taken, or lies in another folder than the
    importing file.
    """
    known = known_name(needed.missing)
    inner = own.inner.get(needed.missing.partition(".")[0])
    if not known.sure or known.is_widely_known or inner is None or importer is None:
        return known.is_widely_known or (known.sure and inner is None)
    if importer == inner:
        return True
    if needed.name and inner.endswith(".py"):
        return needed.name not in defined_names(project.read(inner) or b"")
    return importer.rpartition("/")[0] != inner.rstrip("/").rpartition("/")[0]


def refuse_own_and_standard(needed: Wanted, own: OwnModules, project: Project, importer: str | None) -> None:
    """Raises NoSafeEditError. `importer`: the workspace's file in which the import stands, None when not known."""
    module = needed.missing
    known = known_name(module)
    if place := own.where(module, known_elsewhere=is_known_elsewhere(needed, own, project, importer)):
        raise NoSafeEditError(
            f"`{module}` belongs to the service itself ({place}): it is not copied into the image, or the program "
            "starts in another folder, or the module has another name"
        )
    if reason := explain_standard(module):
        raise NoSafeEditError(reason)
    if not known.is_widely_known and (meant := own.meant(module)):
        raise NoSafeEditError(f"`{module}` looks like a misspelling of the service's own `{meant}`: correct the import")
    if not known.sure and (meant := standard_name_meant(module)):
        raise NoSafeEditError(
            f"`{module}` looks like a misspelling of the standard library's `{meant}`: correct the import"
        )


def refuse_slip_of_listed(module: str, listed: Sequence[Listed]) -> None:
    """A squatter's distribution holds the misspelt module, so being seen in the index proves nothing here. Raises
    NoSafeEditError."""
    if known_name(module).sure:
        return
    top = module.partition(".")[0]
    for one in listed:
        name = one.requirement.name.lower().replace("-", "_")
        if is_slip(top, name) or (is_near(top, name) and not top.startswith(name)):
            raise NoSafeEditError(
                f"`{module}` looks like a misspelling of `{one.requirement.name}`, which {one.file} lists: "
                "correct the import"
            )
