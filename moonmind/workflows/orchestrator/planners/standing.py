"""Whether a distribution that no list names is established enough to be added, told from its history in the index."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from packaging.utils import canonicalize_name

from moonmind.workflows.orchestrator.planners.import_names import KnownName, same_named
from moonmind.workflows.orchestrator.ports import Offer, Release

FEWEST_RELEASES = 3
"""Of a distribution that a list at least hints at: names are squatted with one or two uploads, used projects go on."""

ESTABLISHED = 10
"""Releases of one that no list knows, or that one collection knows by the import's own name, ours: what merely has
the import's name may be anybody's, and a module of the service itself often has that of somebody's small project."""

YOUNGEST = timedelta(days=90)
"""Since the first upload; ours: a quarter of a year for others to find out what a new name is."""

LONG_LIVED = timedelta(days=1216)
"""Since the first upload: no malicious package of "Backstabber's Knife Collection" (Ohm, Plate, Sykosch, Meier; DIMVA
2020) stayed longer before it was found out, so a name this old that is one slip from a known one is its own."""


def fewest_releases(distribution: str, path: str, known: KnownName) -> int:
    """Releases that make it somebody's project rather than a name that was taken, for an import `path` of which the
    data says `known`."""
    name = canonicalize_name(distribution)
    is_unseen = known.is_one_collections and not known.was_seen
    return ESTABLISHED if name not in known.candidates or (is_unseen and name == same_named(path)) else FEWEST_RELEASES


def doubt_about(release: Release, offers: Sequence[Offer], *, now: datetime | None, fewest: int) -> str | None:
    """Why the distribution is only shown, None when its history speaks for it. An index need not tell times."""
    if release.releases < fewest:
        return f"the index has only {release.releases} of its releases"
    first = first_upload(offers)
    if first and now and now - first < YOUNGEST:
        return f"it was first uploaded on {first.date()}, which is less than {YOUNGEST.days} days ago"
    return None


def is_long_lived(offers: Sequence[Offer], *, now: datetime | None) -> bool:
    """True when the index says that the name is older than any squatter's is known to have become."""
    first = first_upload(offers)
    return first is not None and now is not None and now - first > LONG_LIVED


def first_upload(offers: Sequence[Offer]) -> datetime | None:
    """When the oldest file was uploaded, None when the index does not say."""
    times = [_time(one.uploaded) for one in offers if one.uploaded]
    return min((time for time in times if time), default=None)


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
