"""A service's package.json: what it lists already, and how a further dependency is written there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from moonmind.workflows.orchestrator.edits import package_json
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Project
from moonmind.workflows.orchestrator.planners.npm_versions import style_of

PACKAGE_JSON = "package.json"


@dataclass(frozen=True, slots=True)
class NodeManifest:
    """`sections`: package → range by the section's name (`devDependencies`)."""

    file: str
    content: bytes
    name: str | None
    sections: Mapping[str, Mapping[str, str]]

    def wanted(self, package: str, *sections: str) -> str | None:
        """The range by which a package is listed in these sections (all when none is named)."""
        found = (self.sections.get(one, {}).get(package) for one in sections or self.sections)
        return next((one for one in found if one is not None), None)

    @property
    def listed(self) -> frozenset[str]:
        """Every package that any section names."""
        return frozenset(name for section in self.sections.values() for name in section)

    def written(self, version: str) -> str:
        """A version the way the file's others are written: `^`, `~` or exact; `^` without others, as npm does."""
        ranges = [one for name in (package_json.RUNTIME, package_json.DEVELOPMENT) for one in self._ranges(name)]
        styles = Counter(style for one in ranges if (style := style_of(one)) is not None)
        style = styles.most_common(1)[0][0] if styles else "^"
        return f"{style}{version}"

    def _ranges(self, section: str) -> list[str]:
        return list(self.sections.get(section, {}).values())


def read_manifest(project: Project) -> NodeManifest:
    """The package.json beside the Dockerfile. Raises NoSafeEditError when there is none, or none that can be read."""
    content = project.manifests.get(PACKAGE_JSON)
    if content is None:
        others = [path for path in project.files if path.rpartition("/")[2] == PACKAGE_JSON]
        where = f"; there is {', '.join(others[:3])}: edit the one that is installed" if others else ""
        raise NoSafeEditError(f"the service's folder has no package.json{where}")
    return parse_manifest(PACKAGE_JSON, content)


def parse_manifest(file: str, content: bytes) -> NodeManifest:
    """One package.json, wherever it is. Raises NoSafeEditError."""
    try:
        sections = {name: package_json.dependencies(content, name) for name in package_json.SECTIONS}
        name = package_json.read(content).get("name")
    except package_json.NotPackageJsonError as error:
        raise NoSafeEditError(f"{file} is not edited: {error}") from None
    return NodeManifest(file, content, name if isinstance(name, str) else None, sections)
