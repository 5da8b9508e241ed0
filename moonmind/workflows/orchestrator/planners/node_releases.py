"""Which release of a proven npm package suits the program that asks for it: its newest, unless that one would fail at
once."""

from __future__ import annotations

import re

from moonmind.schemas.workflow_models import Finding
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning
from moonmind.workflows.orchestrator.planners.node_files import in_workspace
from moonmind.workflows.orchestrator.planners.node_images import node_of
from moonmind.workflows.orchestrator.planners.npm_versions import admits, parse_version, runs_on
from moonmind.workflows.orchestrator.planning_ports import NpmOffer, NpmRelease

REQUIRES_ES_MODULES = ">=20.19 <21 || >=22.12"
"""Nodes whose require() takes ES modules as well (Node's documentation of `require(esm)`)."""

SOURCE_LIMIT = 500_000
"""Bytes of an importing file that are looked at."""


def choose_version(release: NpmRelease, finding: Finding, planning: Planning) -> tuple[str, str]:
    """(version, what to add to the proof). Raises NoSafeEditError when no release suits, IndexUnavailableError."""
    paths = _asked_paths(release.name, finding, planning)
    needs_commonjs = finding.details.get("loaded_by") == "require" and not _requires_es_modules(node_of(planning))
    if not needs_commonjs and all(gives(release.exports, path) for path in paths):
        return release.version, ""
    offers = planning.knowledge.npm.offers(release.name)
    suiting = [one for one in offers if _suits(one, paths, node_of(planning), needs_commonjs=needs_commonjs)]
    chosen = next((one for one in suiting if one.exports or not paths), next(iter(suiting), None))
    needs = " and ".join([*(f"`{path}`" for path in paths), *(["can be required"] if needs_commonjs else [])])
    if chosen is None:
        raise NoSafeEditError(
            f"no release of `{release.name}` that this Node can run gives {needs}: correct the import"
        )
    if chosen.version == release.version:
        return release.version, ""
    return chosen.version, f"; {chosen.version} is the newest that suits the program ({needs})"


def gives(exports: tuple[str, ...], path: str) -> bool:
    """Whether `exports` admits a sub-path, with its patterns (`./*`); any is admitted without it."""
    for one in exports:
        before, star, after = one.partition("*")
        if one == path or (star and path.startswith(before) and path.endswith(after)):
            return True
        if one.endswith("/") and path.startswith(one):
            return True
    return not exports


def _suits(offer: NpmOffer, paths: frozenset[str], node: str | None, *, needs_commonjs: bool) -> bool:
    if needs_commonjs and not offer.is_requirable:
        return False
    return runs_on(offer.engines, node) and all(gives(offer.exports, path) for path in paths)


def _asked_paths(package: str, finding: Finding, planning: Planning) -> frozenset[str]:
    """The sub-paths ("./fp") that the log or the importing file names; an import's error names the package alone."""
    asked = {finding.subject or ""}
    if file := in_workspace(finding.details.get("importer", ""), planning.project.files):
        text = (planning.project.read(file) or b"")[:SOURCE_LIMIT].decode("utf-8", "replace")
        asked |= set(re.findall(rf"['\"]({re.escape(package)}/[\w./@-]{{1,200}})['\"]", text))
    return frozenset(f".{one.removeprefix(package)}" for one in asked if one.startswith(f"{package}/"))


def _requires_es_modules(node: str | None) -> bool:
    """True when nothing is known: what npm would install is not doubted then."""
    parts = (node or "").split(".")
    if not parts[0]:
        return True
    version = parse_version(".".join([*parts, "999", "999"][:3]))
    return version is None or admits(REQUIRES_ES_MODULES, version)
