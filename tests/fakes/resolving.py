"""A resolver over a handful of given releases: it tries the newest first, as an installation would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from moonmind.workflows.orchestrator.edits import requirements_txt
from moonmind.workflows.orchestrator.planning_ports import UnresolvableError

Releases = Mapping[str, Mapping[str, Sequence[str]]]
"""Distribution → version → what that release requires."""


class SmallResolver:
    """`planning_ports.Resolver` over requirements files without markers; remembers how often it was asked."""

    def __init__(self, releases: Releases) -> None:
        self._releases = releases
        self.asked = 0

    def resolve(
        self, files: Mapping[str, bytes], root: str, *, python: str | None, prefer: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        self.asked += 1
        wanted, constraints = _read(files, root)
        found = next(self._solutions(wanted, constraints, {}, prefer or {}), None)
        if found is None:
            raise UnresolvableError("no versions satisfy the manifest")
        return found

    def _solutions(
        self,
        wanted: Sequence[Requirement],
        bounds: Sequence[Requirement],
        chosen: Mapping[str, str],
        prefer: Mapping[str, str],
    ) -> Iterator[Mapping[str, str]]:
        if any(_breaks(one, chosen) for one in (*wanted, *bounds)):
            return
        name = next((key for one in wanted if (key := canonicalize_name(one.name)) not in chosen), None)
        if name is None:
            yield chosen
            return
        known = self._releases.get(name, {})
        for version in sorted(known, key=lambda one: (one == prefer.get(name), Version(one)), reverse=True):
            needs = [Requirement(text) for text in known[version]]
            yield from self._solutions([*wanted, *needs], bounds, {**chosen, name: version}, prefer)


def _read(files: Mapping[str, bytes], root: str) -> tuple[list[Requirement], list[Requirement]]:
    wanted: list[Requirement] = []
    bounds: list[Requirement] = []
    for entry in requirements_txt.parse(files[root]).entries:
        if entry.requirement is not None:
            wanted.append(entry.requirement)
        elif entry.kind == "constraint":
            bounds += _read(files, entry.target or "")[0]
    return wanted, bounds


def _breaks(requirement: Requirement, chosen: Mapping[str, str]) -> bool:
    version = chosen.get(canonicalize_name(requirement.name))
    return version is not None and not requirement.specifier.contains(version, prereleases=True)
