"""Imports that are never asked of an index, whatever is published there under their names: the service's own, Python's,
and slips of the keyboard for either or for what is listed."""

from __future__ import annotations

from collections.abc import Sequence

from moonmind.workflows.orchestrator.planners import NoSafeEditError
from moonmind.workflows.orchestrator.planners.import_names import KnownName, known_names
from moonmind.workflows.orchestrator.planners.manifests import Listed
from moonmind.workflows.orchestrator.planners.own_modules import OwnModules
from moonmind.workflows.orchestrator.planners.spelling import is_near, is_slip
from moonmind.workflows.orchestrator.planners.standard_library import explain_standard, standard_name_meant


def known_name(module: str) -> KnownName:
    """What the data says of the module's top level, nothing when it is not sure."""
    known = known_names().get(module.partition(".")[0], KnownName())
    return known if known.sure else KnownName()


def refuse_own_and_standard(module: str, own: OwnModules) -> None:
    """Raises NoSafeEditError. A name of the service's own inside gives way only to a name that is widely known."""
    known = known_name(module)
    if place := own.where(module, known_elsewhere=known.is_widely_known):
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
