"""A compiled module and the release of what it uses do not fit: hold the provider to the major it was compiled against.

The proof is in the index's dates: a release cannot have been compiled against what did not exist when it was uploaded.
So the newest release of the provider that is older than the upload of the library's release tells the major, and the
newest release of that major with a wheel for this Python is taken (an interface is kept within a major: NumPy's
"NEP 53", and the habit of the other projects that have one).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.version import InvalidVersion, Version

from moonmind.schemas.workflow_models import Edit, Finding
from moonmind.workflows.orchestrator.detectors.python_abi import NUMPY, SIZE_CHANGED, SYMBOL
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning, Remedy
from moonmind.workflows.orchestrator.planners.installed import distribution_of, present_versions
from moonmind.workflows.orchestrator.planners.pins import Pin, pin
from moonmind.workflows.orchestrator.planners.series import version_of, versions
from moonmind.workflows.orchestrator.ports import Offer

EXPLAINED: Mapping[str, str] = {
    SYMBOL: "it was built for another release of a library, another compiler or another Python: rebuild it without a "
    "cache (`--no-cache-dir --force-reinstall`), or take a wheel of it that was made for this system",
}


def hold_provider(finding: Finding, planning: Planning) -> list[Edit]:
    """Hold back what the compiled module uses. Raises NoSafeEditError, IndexUnavailableError."""
    present = present_versions(planning)
    provider = _need(finding.details.get("provider", ""), planning, present)
    library = _need(finding.details.get("library", ""), planning, present)
    offers = planning.knowledge.index.offers(provider, python=planning.facts.python)
    known = _known_then(provider, library, present[library], offers, planning)
    now = _version(present[provider])
    if known.major == now.major:
        raise NoSafeEditError(
            f"{library} {present[library]} was made when {provider} {known} was the newest, of {now}'s major too: "
            "what is installed was built elsewhere or half replaced; rebuild without a cache"
        )
    found = next((one for one in versions(offers, wheels=True) if one.major == known.major), None)
    if found is None:
        raise NoSafeEditError(
            f"{library} {present[library]} needs {provider} {known.major}.x, which has no wheel for this Python: "
            f"take a newer release of {library}, or an older Python"
        )
    proof = f"{library} {present[library]} was uploaded before {provider} {known.major + 1} was (the index's dates)"
    reason = (
        f"{library} {present[library]} was compiled against {provider} {known.major}.x and {now} is installed: "
        f"{provider} is held below {known.major + 1}"
    )
    return pin(Pin(provider, found, reason, proof, below=str(known.major + 1)), planning, present)


def _need(module: str, planning: Planning, present: Mapping[str, str]) -> str:
    distribution = distribution_of(module, planning, present) if module else None
    if distribution is None or distribution not in present:
        raise NoSafeEditError(
            "which distribution was compiled could not be told: see which one imports it, and take its newest release"
        )
    return distribution


def _known_then(provider: str, library: str, version: str, offers: Sequence[Offer], planning: Planning) -> Version:
    """The provider's newest stable release on the day of the library's upload."""
    own = planning.knowledge.index.offers(library, python=planning.facts.python)
    made = next((one.uploaded for one in own if one.version == version), None)
    if made is None:
        raise NoSafeEditError(f"the index does not say when {library} {version} was made: compare it with {provider}")
    dated = [(version_of(one), one.uploaded) for one in offers if one.yanked is None]
    older = [one for one, day in dated if one is not None and day is not None and day < made and not one.is_prerelease]
    if not older:
        raise NoSafeEditError(f"no release of {provider} is older than {library} {version}: compare the two by hand")
    return max(older)


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        raise NoSafeEditError(f"`{text}` is no version that releases could be compared with") from None


REMEDIES: Mapping[str, Remedy] = {NUMPY: hold_provider, SIZE_CHANGED: hold_provider}
