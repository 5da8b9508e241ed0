"""Finds the newest release of which something holds, with few looks into releases; and what may be chosen at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from packaging.version import InvalidVersion, Version

from moonmind.workflows.orchestrator.planners import NoSafeEditError
from moonmind.workflows.orchestrator.ports import Offer

Holds = Callable[[Version], bool | None]
"""Whether it holds of a release; None when the release does not say."""

LOOKS = 24
"""Releases that are looked into for one question: the index is asked over the network for each."""

SCANNED = 6
"""Series of one major that are looked into one after the other; of more, the place is searched for by halves."""


def versions(offers: Sequence[Offer], *, wheels: bool = False) -> list[Version]:
    """Stable, installable versions that are not yanked, the newest first; `wheels`: only those that need no build."""
    found = [version_of(one) for one in offers if _is_open(one) and (one.wheel or not wheels)]
    return sorted((one for one in found if one is not None and not one.is_prerelease), reverse=True)


def version_of(offer: Offer) -> Version | None:
    """The offer's version, None for one that PEP 440 does not know."""
    try:
        return Version(offer.version)
    except InvalidVersion:
        return None


def newest_holding(candidates: Sequence[Version], holds: Holds) -> Version | None:
    """The newest of the candidates (given newest first) of which it certainly holds: newest major first, and within a
    major by its series (major.minor), each by its newest release. A name that a major lost is expected to be in all of
    its series before; what came and went within one series may be missed, never wrongly found.

    Raises NoSafeEditError after LOOKS looks.
    """
    look = _counted(holds)
    for _, major in groupby(candidates, key=lambda one: one.major):
        series = [next(own) for _, own in groupby(major, key=lambda one: one.release[:2])]
        if (found := _newest_of(series, look)) is not None:
            return found
    return None


def _is_open(offer: Offer) -> bool:
    return offer.installable and offer.yanked is None


def _counted(holds: Holds) -> Callable[[Version], bool]:
    answers: dict[Version, bool] = {}

    def look(version: Version) -> bool:
        if version not in answers:
            if len(answers) >= LOOKS:
                raise NoSafeEditError(f"none of the {LOOKS} releases that were looked into has it")
            answers[version] = holds(version) is True
        return answers[version]

    return look


def _newest_of(series: Sequence[Version], look: Callable[[Version], bool]) -> Version | None:
    if len(series) <= SCANNED or look(series[0]):
        return next((one for one in series if look(one)), None)
    holding = next((place for place in _spread(len(series)) if look(series[place])), None)
    if holding is None:
        return None
    lacking = 0
    while holding - lacking > 1:
        middle = (holding + lacking) // 2
        lacking, holding = (lacking, middle) if look(series[middle]) else (middle, holding)
    return series[holding]


def _spread(count: int) -> list[int]:
    """A few places over the whole length, the oldest among them."""
    return list(dict.fromkeys(count * part // 8 - 1 for part in (8, 4, 2, 6, 1, 3, 5, 7) if count * part // 8 > 1))
