"""A name or submodule that the installed release of a distribution lacks, and another release has.

The rule: the distribution that lacks the name is held to the newest release that certainly has it, whoever asks for it.

- The service's own code asks: it was written for such a release; its line is pinned, or one is added.
- An installed library asks: the manifest chose that library, often exactly, and its dependency moved on beneath it
  (`flask==1.1.2` with a new jinja2). The dependency is held back and the choice is kept: to raise the library instead
  may be better in the long run, and changes what the service itself is written against. The reason says who asked.
- Nothing is held back across what the service lists unless the whole manifest resolves with it.

A release counts only when its own source shows the name (`PackageIndex.names`, `Release.modules`); what a module makes
at run time does not show. A newer release of the same major is preferred (the pin is too old), then any newer one, then
the newest older one; releases that would have to be built come last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from moonmind.schemas.workflow_models import Edit, Finding
from moonmind.workflows.orchestrator.detectors.owners import PYTHON
from moonmind.workflows.orchestrator.detectors.python_modules import NAME_MISSING
from moonmind.workflows.orchestrator.detectors.python_names import ATTRIBUTE_MISSING, CIRCULAR
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning, Remedy
from moonmind.workflows.orchestrator.planners.import_names import KnownName, known_names
from moonmind.workflows.orchestrator.planners.installed import distribution_of, need_present, present_versions
from moonmind.workflows.orchestrator.planners.own_modules import own_modules
from moonmind.workflows.orchestrator.planners.pins import Pin, next_series, pin
from moonmind.workflows.orchestrator.planners.series import newest_holding, versions
from moonmind.workflows.orchestrator.planners.standard_library import was_standard

EXPLAINED: Mapping[str, str] = {
    CIRCULAR: "two modules import each other, or a file of the service has a library's name: import inside the "
    "function that needs it, move what both need into a third module, or rename the file",
}


@dataclass(frozen=True, slots=True)
class Lacking:
    """A distribution whose present release lacks something. `name` None: the module itself is what it lacks."""

    distribution: str
    now: Version
    module: str
    name: str | None = None
    importer: str = ""

    @property
    def what(self) -> str:
        """For people."""
        return f"`{self.name}` of `{self.module}`" if self.name else f"`{self.module}`"


def restore_name(finding: Finding, planning: Planning) -> list[Edit]:
    """Hold the distribution to a release that has the name. Raises NoSafeEditError, IndexUnavailableError."""
    details = finding.details
    module, name = details.get("module", ""), details.get("name", "")
    _refuse_elsewhere(module, name, details.get("provider"), details.get("importer", ""), planning)
    distribution, version = need_present(module, planning)
    lacking = Lacking(distribution, _version(version), module, name, details.get("importer", ""))
    return _restore(lacking, planning)


def restore_module(module: str, planning: Planning) -> list[Edit]:
    """Hold an installed distribution to a release that still has the missing module; no edits when it lost none.

    Python names a dotted module only when what is above it could be imported (`werkzeug.contrib`): then its
    distribution is there. A module at the top was lost when its own known distribution is installed without it
    (`pkg_resources`). Raises NoSafeEditError, IndexUnavailableError.
    """
    lacking = _lost_module(module, planning)
    return [] if lacking is None else _restore(lacking, planning)


def _lost_module(module: str, planning: Planning) -> Lacking | None:
    top = module.partition(".")[0]
    if not planning.facts.installed or _own(top, planning):
        return None
    present = present_versions(planning)
    known = known_names().get(top, KnownName())
    if "." in module:
        distribution = distribution_of(top, planning, present)
    else:
        distribution = known.choice if known.sure and known.choice in present else None
    if distribution is None or distribution not in present:
        return None
    lacking = Lacking(distribution, _version(present[distribution]), module)
    return lacking if _has(lacking, lacking.now, planning) is False else None


def _restore(lacking: Lacking, planning: Planning) -> list[Edit]:
    if _has(lacking, lacking.now, planning):
        raise NoSafeEditError(
            f"{lacking.distribution} {lacking.now}, which is installed, has {lacking.what}: what runs was built "
            "before, or another file of that name comes first on the module path; rebuild the service"
        )
    offers = planning.knowledge.index.offers(lacking.distribution, python=planning.facts.python)
    wheels, others = versions(offers, wheels=True), versions(offers)
    found = _newest_with(lacking, wheels, planning) or _newest_with(lacking, _without(others, wheels), planning)
    if found is None:
        raise NoSafeEditError(
            f"no release of {lacking.distribution} that this Python can install is seen to have {lacking.what}: "
            f"{lacking.distribution} {lacking.now} is installed; correct the code, or compare with its change log"
        )
    proof = f"{lacking.distribution} {found} has {lacking.what}, {lacking.now} has not (seen in the index's files)"
    asked = f"`{lacking.importer}` asks for it" if lacking.importer else "the service asks for it"
    below = _below(found, others) if found < lacking.now else None
    reason = (
        f"{lacking.distribution} {lacking.now} has no {lacking.what} ({asked}); {found} is the newest seen to have it"
    )
    return pin(Pin(lacking.distribution, found, reason, proof, below), planning, present_versions(planning))


def _without(found: Sequence[Version], those: Sequence[Version]) -> list[Version]:
    return [one for one in found if one not in those]


def _newest_with(lacking: Lacking, candidates: Sequence[Version], planning: Planning) -> Version | None:
    now = lacking.now
    newer = [one for one in candidates if one > now]
    groups = (
        [one for one in newer if one.major == now.major],
        [one for one in newer if one.major != now.major],
        [one for one in candidates if one < now],
    )
    found = (newest_holding(group, lambda one: _has(lacking, one, planning)) for group in groups if group)
    return next((one for one in found if one is not None), None)


def _has(lacking: Lacking, version: Version, planning: Planning) -> bool | None:
    """Whether a release has what is lacking; None when it does not say."""
    index, python = planning.knowledge.index, planning.facts.python
    release = index.at(lacking.distribution, str(version), python=python)
    if release is None:
        return None
    if lacking.name is None or f"{lacking.module}.{lacking.name}" in release.modules:
        return lacking.name is not None or lacking.module in release.modules
    if lacking.module not in release.modules:
        return False
    names = index.names(lacking.distribution, str(version), lacking.module, python=python)
    if names is None or (lacking.name not in names and "*" in names):
        return None
    return lacking.name in names


def _below(found: Version, candidates: Sequence[Version]) -> str:
    """The first version that is not admitted: the next major where the whole rest of the major has it."""
    newest_of_major = max(one for one in candidates if one.major == found.major)
    return str(found.major + 1) if newest_of_major == found else next_series(found)


def _refuse_elsewhere(module: str, name: str, provider: str | None, importer: str, planning: Planning) -> None:
    """What no distribution of the index could give."""
    top = module.partition(".")[0]
    if provider == PYTHON or (provider is None and was_standard(top)):
        who = (
            f"`{importer}` was written for an older Python: take a newer release of it"
            if importer
            else "change the code"
        )
        raise NoSafeEditError(f"`{module}` is Python's own and has no `{name}` in this version: {who}")
    if provider == "" or (provider is None and _own(top, planning)):
        raise NoSafeEditError(
            f"`{module}` is the service's own module and has no `{name}`: correct the name or the import"
        )


def _own(top: str, planning: Planning) -> bool:
    known = known_names().get(top, KnownName()).sure
    own = own_modules(planning.project.python_files, planning.project.manifests.get("pyproject.toml"))
    return own.where(top, known_elsewhere=known) is not None


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        raise NoSafeEditError(f"`{text}` is no version that releases could be compared with") from None


REMEDIES: Mapping[str, Remedy] = {NAME_MISSING: restore_name, ATTRIBUTE_MISSING: restore_name}
