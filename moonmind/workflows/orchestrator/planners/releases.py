"""Which release of a distribution provides a module: the newest, or an older one from before it was taken out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from moonmind.workflows.orchestrator.ports import Offer, PackageIndex, Release

RECENT = 4
"""Releases before the newest that are looked at one by one; further back every next look is twice as far away."""

Satisfies = Callable[[Release], bool]


@dataclass(frozen=True, slots=True)
class Provided:
    """A release, and the version of the next newer one when that provides the module no more."""

    release: Release
    lost_in: str | None = None


def find_release(
    distribution: str, satisfies: Satisfies, index: PackageIndex, *, python: str | None
) -> Provided | None:
    """The newest release that satisfies, None when none does.

    Between the looks it is found by halving, as if a module that is gone never came back: for a thousand releases some
    twenty files are read. Raises IndexUnavailableError.
    """
    newest = index.newest(distribution, python=python)
    if newest is None:
        return None
    if satisfies(newest):
        return Provided(newest)
    offers = index.offers(distribution, python=python)
    versions = [one.version for one in offers if _is_older(one, newest)]

    def look(place: int) -> Release | None:
        release = index.at(distribution, versions[place], python=python)
        return release if release is not None and satisfies(release) else None

    without = -1
    for place in _probes(len(versions)):
        if found := look(place):
            return _first_from(without, place, found, look, (newest.version, *versions))
        without = place
    return None


def _first_from(
    without: int, place: int, found: Release, look: Callable[[int], Release | None], versions: tuple[str, ...]
) -> Provided:
    """Halve between a place without and one with the module; `versions` begins with the newest, one before place 0."""
    while place - without > 1:
        middle = (without + place) // 2
        if release := look(middle):
            place, found = middle, release
        else:
            without = middle
    return Provided(found, versions[without + 1])


def _probes(count: int) -> Iterator[int]:
    yield from range(min(RECENT, count))
    step, place = RECENT, RECENT * 2 - 1
    while place < count:
        yield place
        step *= 2
        place += step
    if count > RECENT:
        yield count - 1


def _is_older(offer: Offer, newest: Release) -> bool:
    try:
        version = Version(offer.version)
        return (
            offer.installable
            and offer.yanked is None
            and not version.is_prerelease
            and version < Version(newest.version)
        )
    except InvalidVersion:
        return False
