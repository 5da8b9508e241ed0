"""What planners may ask, over given answers; whatever a test does not give has none."""

from __future__ import annotations

from collections.abc import Mapping

from moonmind.workflows.orchestrator.planners import Knowledge
from moonmind.workflows.orchestrator.planning_ports import LockTools, NpmRegistry, NpmRelease, Resolver
from moonmind.workflows.orchestrator.ports import PackageIndex
from tests.fakes.index import FakePackageIndex


class FakeResolver:
    """`planning_ports.Resolver` that answers with the given versions, and records the manifests it was asked about."""

    def __init__(self, versions: Mapping[str, str] | None = None) -> None:
        self.versions = dict(versions or {})
        self.asked: list[Mapping[str, bytes]] = []

    def resolve(
        self, files: Mapping[str, bytes], root: str, *, python: str | None, prefer: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        self.asked.append(files)
        return self.versions


class FakeNpmRegistry:
    """`planning_ports.NpmRegistry` over given releases."""

    def __init__(self, *releases: NpmRelease) -> None:
        self._releases = {one.name: one for one in releases}
        self.asked: list[str] = []

    def newest(self, package: str, *, node: str | None) -> NpmRelease | None:
        self.asked.append(package)
        return self._releases.get(package)


class FakeLockTools:
    """`planning_ports.LockTools` that gives the given locks whenever a manifest changed."""

    def __init__(self, locks: Mapping[str, bytes] | None = None) -> None:
        self.locks = dict(locks or {})

    def refresh(
        self, before: Mapping[str, bytes], after: Mapping[str, bytes], *, python: str | None, node: str | None
    ) -> Mapping[str, bytes]:
        return self.locks


def knowledge(
    index: PackageIndex | None = None,
    *,
    resolver: Resolver | None = None,
    npm: NpmRegistry | None = None,
    locks: LockTools | None = None,
) -> Knowledge:
    """Empty answers but for what is given."""
    return Knowledge(
        index=index or FakePackageIndex(),
        resolver=resolver or FakeResolver(),
        npm=npm or FakeNpmRegistry(),
        locks=locks or FakeLockTools(),
    )
