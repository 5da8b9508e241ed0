"""A package index in memory; it records what it was asked, so that a test can say that it was not asked at all."""

from __future__ import annotations

from packaging.utils import canonicalize_name

from moonmind.workflows.orchestrator.ports import IndexUnavailableError, Release


def release(
    name: str, version: str = "1.2.3", *, modules: tuple[str, ...] | None = None, releases: int = 20
) -> Release:
    """A release that provides the module of its own name unless others are given."""
    return Release(name, version, frozenset(modules if modules is not None else (name.replace("-", "_"),)), releases)


class FakePackageIndex:
    """`ports.PackageIndex` over given releases."""

    def __init__(self, *releases: Release) -> None:
        self._releases = {canonicalize_name(one.name): one for one in releases}
        self.asked: list[str] = []

    def newest(self, distribution: str, *, python: str | None) -> Release | None:
        self.asked.append(canonicalize_name(distribution))
        return self._releases.get(canonicalize_name(distribution))


class UnavailablePackageIndex:
    """An index that never answers."""

    def newest(self, distribution: str, *, python: str | None) -> Release | None:
        raise IndexUnavailableError("the package index did not answer: connection refused")
