"""What is installed where the service runs, and which of it provides a module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from packaging.utils import canonicalize_name

from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning
from moonmind.workflows.orchestrator.planners.import_names import KnownName, known_names, same_named
from moonmind.workflows.orchestrator.planners.manifests import choose_manifest, listed_in
from moonmind.workflows.orchestrator.planning_ports import UnresolvableError


def present_versions(planning: Planning) -> Mapping[str, str]:
    """Distributions with their versions by normalised name: as found, else as an installation now would bring; empty
    when neither can be told. Raises NoSafeEditError where the service has no manifest, IndexUnavailableError."""
    if planning.facts.installed:
        return {canonicalize_name(name): version for name, version in planning.facts.installed.items()}
    files = planning.project.manifests
    root = choose_manifest(planning.project).root
    try:
        return planning.knowledge.resolver.resolve(files, root, python=planning.facts.python)
    except UnresolvableError:
        return {}


def distribution_of(module: str, planning: Planning, present: Mapping[str, str]) -> str | None:
    """The distribution, installed or listed, that provides the module: named by the kept data or by the module, and
    seen in the index to hold its top-level module. None when there is none, or the index cannot show it."""
    listed = listed_in(planning.project, choose_manifest(planning.project).root)
    here = {*present, *(canonicalize_name(one.requirement.name) for one in listed)}
    return next((name for name in _named_for(module) if name in here and _holds(name, module, planning, present)), None)


def _named_for(module: str) -> Iterable[str]:
    parts = module.split(".")
    paths = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    names = [name for path in paths for name in (*known_names().get(path, KnownName()).candidates, same_named(path))]
    return dict.fromkeys(canonicalize_name(name) for name in names)


def _holds(distribution: str, module: str, planning: Planning, present: Mapping[str, str]) -> bool:
    index, python = planning.knowledge.index, planning.facts.python
    version = present.get(distribution)
    release = index.at(distribution, version, python=python) if version else index.newest(distribution, python=python)
    top = module.partition(".")[0]
    return release is not None and any(one == top or one.startswith(f"{top}.") for one in release.modules)


def need_present(module: str, planning: Planning) -> tuple[str, str]:
    """The distribution that provides the module, and its present version. Raises NoSafeEditError."""
    present = present_versions(planning)
    distribution = distribution_of(module, planning, present)
    if distribution is None or distribution not in present:
        top = module.partition(".")[0]
        raise NoSafeEditError(
            f"which installed distribution provides `{top}` could not be told: compare its release with the code"
        )
    return distribution, present[distribution]
