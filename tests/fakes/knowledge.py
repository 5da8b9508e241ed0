"""What planners may ask, over given answers; whatever a test does not give has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from moonmind.workflows.orchestrator.edits.package_json import dependencies
from moonmind.workflows.orchestrator.planners import Knowledge
from moonmind.workflows.orchestrator.planners.npm_versions import admits, parse_version, runs_on
from moonmind.workflows.orchestrator.planning_ports import (
    LockTools,
    NpmOffer,
    NpmRegistry,
    NpmRelease,
    Resolver,
    UnresolvableError,
)
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
    """`planning_ports.NpmRegistry` over given releases, each of which is offered unless other offers are given."""

    def __init__(self, *releases: NpmRelease, offers: Mapping[str, Sequence[NpmOffer]] | None = None) -> None:
        """`offers`: by package, the newest first."""
        self._releases = {one.name: one for one in releases}
        self._offers = {one.name: (NpmOffer(one.version, exports=one.exports),) for one in releases} | {
            name: tuple(given) for name, given in (offers or {}).items()
        }
        self.asked: list[str] = []

    def newest(self, package: str, *, node: str | None) -> NpmRelease | None:
        self.asked.append(package)
        release = self._releases.get(package)
        own = next((one for one in self._offers.get(package, ()) if release and one.version == release.version), None)
        if release is None or own is None or runs_on(own.engines, node):
            return release
        fitting = next((one for one in self._offers[package] if runs_on(one.engines, node)), None)
        return replace(release, version=fitting.version, exports=()) if fitting else None

    def offers(self, package: str) -> tuple[NpmOffer, ...]:
        self.asked.append(package)
        return self._offers.get(package, ())

    def resolve(self, manifest: bytes) -> Mapping[str, str]:
        """One level deep: each dependency's newest version in its range, all peers among them suited."""
        wanted = dependencies(manifest)
        chosen = {name: self._admitted(name, within) for name, within in wanted.items()}
        for name, one in chosen.items():
            for peer, within in one.peers.items():
                version = parse_version(chosen[peer].version) if peer in chosen else None
                if version is not None and not admits(within, version):
                    raise UnresolvableError(f"{name} wants {peer} {within}")
        return {name: one.version for name, one in chosen.items()}

    def _admitted(self, package: str, within: str) -> NpmOffer:
        for one in self._offers.get(package, ()):
            if (version := parse_version(one.version)) is not None and admits(within, version):
                return one
        raise UnresolvableError(f"there is no {package} {within}")


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
