"""Packages that a service takes from elsewhere than the public indexes: one of the same name there is another's."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from moonmind.workflows.orchestrator.edits import requirements_txt
from moonmind.workflows.orchestrator.planners.foreign import Added, Ecosystem
from moonmind.workflows.orchestrator.planners.foreign.package_json import named_elsewhere as npm_elsewhere
from moonmind.workflows.orchestrator.planners.foreign.pyproject import named_elsewhere as python_elsewhere
from moonmind.workflows.orchestrator.planners.foreign.requirements import is_of_the_index


def refuse_confused(added: Added, manifests: Mapping[str, bytes]) -> str | None:
    """Why it may not be added, None when no manifest takes it from elsewhere."""
    for path, content in manifests.items():
        if (added.ecosystem, added.name) in _elsewhere(path, content):
            return f"{added.file}: {added.name} would come from the index, and {path} takes it from elsewhere"
    return None


def _elsewhere(path: str, content: bytes) -> set[tuple[Ecosystem, str]]:
    name = posixpath.basename(path)
    if name == "pyproject.toml":
        return {("python", one) for one in python_elsewhere(content)}
    if name == "package.json":
        return {("npm", one) for one in npm_elsewhere(content)}
    if name.endswith((".txt", ".in", ".pip")):
        entries = requirements_txt.parse(content).entries
        return {("python", one.name) for one in entries if one.name and not is_of_the_index(one)}
    return set()
