"""A package index in memory; it records what it was asked, so that a test can say that it was not asked at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.utils import canonicalize_name

from moonmind.workflows.orchestrator.ports import IndexUnavailableError, Offer, Release


def release(
    name: str, version: str = "1.2.3", *, modules: tuple[str, ...] | None = None, releases: int = 20
) -> Release:
    """A release that provides the module of its own name unless others are given."""
    return Release(name, version, frozenset(modules if modules is not None else (name.replace("-", "_"),)), releases)


class FakePackageIndex:
    """`ports.PackageIndex` over given releases."""

    def __init__(
        self,
        *releases: Release,
        offers: Mapping[str, Sequence[Offer]] | None = None,
        names: Mapping[tuple[str, str, str], frozenset[str]] | None = None,
        requires: Mapping[tuple[str, str], Sequence[str]] | None = None,
    ) -> None:
        """Of several releases of one name the first is the newest; `names` by (distribution, version, module),
        `requires` by (distribution, version)."""
        self._releases: dict[str, list[Release]] = {}
        for one in releases:
            self._releases.setdefault(canonicalize_name(one.name), []).append(one)
        self._offers = {canonicalize_name(name): tuple(given) for name, given in (offers or {}).items()}
        self._names = dict(names or {})
        self._requires = dict(requires or {})
        self.asked: list[str] = []

    def newest(self, distribution: str, *, python: str | None) -> Release | None:
        return next(iter(self._of(distribution)), None)

    def offers(self, distribution: str, *, python: str | None) -> tuple[Offer, ...]:
        known = tuple(Offer(one.version) for one in self._of(distribution))
        return self._offers.get(canonicalize_name(distribution), known)

    def at(self, distribution: str, version: str, *, python: str | None) -> Release | None:
        return next((one for one in self._of(distribution) if one.version == version), None)

    def names(self, distribution: str, version: str, module: str, *, python: str | None) -> frozenset[str] | None:
        self.asked.append(canonicalize_name(distribution))
        return self._names.get((canonicalize_name(distribution), version, module))

    def requires(self, distribution: str, version: str, *, python: str | None) -> tuple[str, ...] | None:
        self.asked.append(canonicalize_name(distribution))
        found = self._requires.get((canonicalize_name(distribution), version))
        return None if found is None else tuple(found)

    def _of(self, distribution: str) -> list[Release]:
        self.asked.append(canonicalize_name(distribution))
        return self._releases.get(canonicalize_name(distribution), [])


class UnavailablePackageIndex:
    """An index that never answers."""

    def newest(self, distribution: str, *, python: str | None) -> Release | None:
        raise _away()

    def offers(self, distribution: str, *, python: str | None) -> tuple[Offer, ...]:
        raise _away()

    def at(self, distribution: str, version: str, *, python: str | None) -> Release | None:
        raise _away()

    def names(self, distribution: str, version: str, module: str, *, python: str | None) -> frozenset[str] | None:
        raise _away()

    def requires(self, distribution: str, version: str, *, python: str | None) -> tuple[str, ...] | None:
        raise _away()


def _away() -> IndexUnavailableError:
    return IndexUnavailableError("the package index did not answer: connection refused")
