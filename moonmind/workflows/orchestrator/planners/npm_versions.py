"""npm's versions and ranges: semver 2.0.0 and node-semver's grammar, as far as registries and `engines` use them."""

from __future__ import annotations

import re
from collections.abc import Iterable

Version = tuple[int, int, int]
"""A stable version. Pre-releases are no `Version`: nothing here takes one."""

RANGE_LIMIT = 500
"""Characters of a range that is read at all; a longer one is taken for one that admits nothing."""

_VERSION = re.compile(r"^[v=\s]{0,3}(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:\+[\w.-]+)?$")
_PART = r"(?:\d{1,9}|[xX*])"
_COMPARATOR = re.compile(
    rf"^(?P<op>\^|~>?|>=?|<=?|=)?v?(?P<major>{_PART})(?:\.(?P<minor>{_PART})(?:\.(?P<patch>{_PART}))?)?(?:[-+][\w.+-]+)?$"
)
_SPACED = re.compile(r"(\^|~>?|>=?|<=?|=)[ \t]+(?=\S)")
_HYPHEN = re.compile(r"^(\S+) - (\S+)$")
_ANY = frozenset({"x", "X", "*"})
_PREFIX = re.compile(r"^(?P<style>\^|~|)v?\d")

_Bounds = tuple[Version, Version]
_END: Version = (10**10, 0, 0)


def parse_version(text: str) -> Version | None:
    """A stable version, None for anything else."""
    found = _VERSION.match(text.strip()[:100])
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def newest(versions: Iterable[str]) -> str | None:
    """The highest stable version of them."""
    known = [(parsed, text) for text in versions if (parsed := parse_version(text)) is not None]
    return max(known)[1] if known else None


def admits(wanted: str, version: Version) -> bool:
    """Whether a range admits a stable version; what is no range (a tag, a URL) admits none."""
    if len(wanted) > RANGE_LIMIT:
        return False
    return any(_fits(part.strip(), version) for part in wanted.split("||"))


def runs_on(engines: str | None, node: str | None) -> bool:
    """Whether a release may be used on a Node ("20", "18.17.1"); of a bare major its last version is meant. True when
    either says nothing, as for npm."""
    version = _node(node)
    return engines is None or version is None or admits(engines, version)


def style_of(wanted: str) -> str | None:
    """How a range is written: "^", "~" or "" for one exact version; None for any other form."""
    found = _PREFIX.match(wanted)
    return found["style"] if found and " " not in wanted.strip() and "||" not in wanted else None


def _node(node: str | None) -> Version | None:
    parts = [int(part) for part in re.findall(r"\d{1,9}", node or "")[:3]]
    if not parts:
        return None
    return (parts[0], parts[1] if len(parts) > 1 else 999, parts[2] if len(parts) > 2 else 999)


def _fits(part: str, version: Version) -> bool:
    if hyphen := _HYPHEN.match(part):
        bounds = [_bounds(f">={hyphen[1]}"), _bounds(f"<={hyphen[2]}")]
    else:
        bounds = [_bounds(one) for one in _SPACED.sub(r"\1", part).split()]
    return all(one is not None and one[0] <= version < one[1] for one in bounds)


def _bounds(comparator: str) -> _Bounds | None:
    """Lowest version and the first one too high; None for what is no comparator."""
    found = _COMPARATOR.match(comparator)
    if found is None:
        return None
    given = [int(part) for part in _leading(found["major"], found["minor"], found["patch"])]
    if not given:
        return ((0, 0, 0), _END) if found["op"] not in ("<", ">") else None
    low = _filled(given)
    after = _next(given)
    match found["op"]:
        case "^":
            return low, _next_breaking(given)
        case "~" | "~>":
            return low, _next(given[:2])
        case ">=":
            return low, _END
        case ">":
            return after, _END
        case "<":
            return (0, 0, 0), low
        case "<=":
            return (0, 0, 0), after
    return low, after


def _leading(*parts: str | None) -> list[str]:
    kept: list[str] = []
    for part in parts:
        if part is None or part in _ANY:
            break
        kept.append(part)
    return kept


def _next(given: list[int]) -> Version:
    """The first version behind all that begin with these numbers."""
    return _filled([*given[:-1], given[-1] + 1])


def _filled(given: list[int]) -> Version:
    major, minor, patch = [*given, 0, 0][:3]
    return major, minor, patch


def _next_breaking(given: list[int]) -> Version:
    """The first version that `^` leaves out: behind the first number that is not 0."""
    place = next((place for place, number in enumerate(given) if number), len(given) - 1)
    return _next(given[: place + 1])
