"""Changes extras and versions within the text of one requirement (PEP 508); every other character stays."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

_GAP = r"(?:[ \t]|\\\r?\n)*"
_CLAUSE = rf"(?:===|[<>=!~]=|[<>]){_GAP}[A-Za-z0-9.*+!_-]+"
_FORM = re.compile(
    r"(?P<name>\s*[A-Za-z0-9][A-Za-z0-9._-]*)"
    rf"(?:(?P<before_extras>{_GAP})(?P<extras>\[[^\]]*\]))?"
    rf"(?:(?P<gap>{_GAP})(?P<versions>\([^)]*\)|{_CLAUSE}(?:{_GAP},{_GAP}{_CLAUSE})*(?:{_GAP},)?))?"
)
_NOT_VERSION = re.compile(r"\s[-#]")
"""What a requirements file takes for an option or a comment, though `===` takes it for a version."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a requirement shall say. `extras` None: as they are; `versions` None: as they are, "": any."""

    name: str
    extras: frozenset[str] | None
    versions: str | None


def read_wanted(name: str, version: str | None) -> Wanted:
    """Read "pydantic[email]" and "==2.1". Raises ValueError when together they are no requirement."""
    try:
        given = Requirement(name)
        SpecifierSet(version or "")
        Requirement(f"{name}{version or ''}")
    except (InvalidRequirement, InvalidSpecifier):
        raise ValueError(f"`{name}{version or ''}` is no requirement") from None
    if given.url or given.marker or given.specifier or _NOT_VERSION.search(version or ""):
        raise ValueError(f"`{name}{version or ''}` is more than a name and versions")
    return Wanted(given.name, frozenset(given.extras) or None, version)


def change(text: str, to: Wanted) -> str | None:
    """The requirement with other extras or versions; None when it takes its files from elsewhere than an index."""
    form = _FORM.match(text)
    if form is None or text[form.end() :].lstrip(" \t").startswith("@"):
        return None
    head = form["name"] + (form["before_extras"] or "") + (form["extras"] or "")
    if to.extras is not None:
        head = form["name"] + (form["before_extras"] or "") + f"[{','.join(sorted(to.extras))}]"
    listed = form["versions"] or ""
    versions = listed if to.versions is None else to.versions
    return head + (form["gap"] or "") * bool(versions) + versions + text[form.end() :]
