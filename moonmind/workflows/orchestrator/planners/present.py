"""What the service has installed, or will have when it is built, as far as that is known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import tomlkit
from packaging.utils import canonicalize_name
from tomlkit.exceptions import TOMLKitError

from moonmind.workflows.orchestrator.planners import Planning
from moonmind.workflows.orchestrator.planners.distributions import expected
from moonmind.workflows.orchestrator.planners.import_names import KnownName, known_names
from moonmind.workflows.orchestrator.planners.manifests import Listed, Manifest
from moonmind.workflows.orchestrator.planners.statements import Wanted
from moonmind.workflows.orchestrator.planning_ports import UnresolvableError
from moonmind.workflows.orchestrator.ports import IndexUnavailableError

TELLING = 4
"""Letters of a distribution's name that are no accident inside a module's name."""

LOCKS = ("uv.lock", "poetry.lock")


def distributions_present(planning: Planning, manifest: Manifest, listed: Sequence[Listed]) -> frozenset[str]:
    """Normalised names: what is installed, when that is known; else what the locks or an installation would bring."""
    if planning.facts.installed:
        return frozenset(canonicalize_name(name) for name in planning.facts.installed)
    names = {canonicalize_name(one.requirement.name) for one in listed if one.binding}
    files = planning.project.manifests
    if locked := {name for lock in LOCKS if lock in files for name in _locked(files[lock])}:
        return frozenset(names | locked)
    try:
        resolver, python = planning.knowledge.resolver, planning.facts.python
        return frozenset(names | set(resolver.resolve(files, manifest.root, python=python)))
    except (UnresolvableError, IndexUnavailableError):
        return frozenset(names)  # what is listed is certain; the rest is not needed to repair what has failed


def is_present(wanted: Wanted, present: Iterable[str]) -> bool:
    """True when one of them provides the import, or, of an import that no list knows, may do so by its name."""
    names = set(present)
    if names & {canonicalize_name(name) for name in expected(wanted)}:
        return True
    if any(known_names().get(path, KnownName()).sure for path in wanted.paths):
        return False
    top = _letters(wanted.missing)
    return any(top in name or (len(name) >= TELLING and name in top) for name in map(_letters, names))


def _locked(content: bytes) -> list[str]:
    try:
        packages = tomlkit.parse(content.decode("utf-8", "replace")).get("package", [])
    except TOMLKitError:
        return []
    return [canonicalize_name(str(one["name"])) for one in packages if "name" in one]


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
