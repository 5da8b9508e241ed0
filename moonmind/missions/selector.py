"""Which mission a command is about. More than one that could be meant is an error, never a choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from moonmind.missions.errors import USAGE, MissionError

_SHOWN = 10
"""Candidates that the sentence names; the document has all."""

_LONGEST = 20
"""Digits of a number; Python refuses to read some thousands."""


def select_mission(
    text: str | None, slugs: Sequence[str], ids: Mapping[str, str], *, folder: str | None, branch: str | None
) -> str:
    """The slug of the one that is meant. `text`: slug, its words, number or id (`ids`: by slug). Without
    it: the mission whose `folder` one stands in, else those whose slug the checked-out `branch` begins with, else all.
    Raises MissionError `MissionNotFound` or `MissionSelectorAmbiguous` (`candidates`), both exit 2."""
    if text is not None:
        called = [slug for slug in slugs if _is_called(slug, text) or ids.get(slug) == text.upper()]
        return _the_one(called, slugs, f"`{text}` names")
    here = [slug for slug in slugs if slug == folder]
    of_branch = [slug for slug in slugs if _begins_with(branch, slug)]
    if here or of_branch:
        return _the_one(here or of_branch, slugs, f"the branch {branch} belongs to")
    return _the_one(slugs, slugs, "without --mission it could be")


def _is_called(slug: str, text: str) -> bool:
    number, _, words = slug.partition("-")
    if _is_number(text) and _is_number(number) and int(text) == int(number):
        return True
    return text in (slug, words)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST


def _begins_with(branch: str | None, slug: str) -> bool:
    """`007-night` begins `007-night-wp01` and `007-night/wp01`, not `007-nightly`."""
    if branch is None or not branch.startswith(slug):
        return False
    return not branch[len(slug) : len(slug) + 1].isalnum()


def _the_one(found: Sequence[str], slugs: Sequence[str], what: str) -> str:
    if len(found) == 1:
        return found[0]
    if found:
        words = f"{what} {len(found)} missions: {_listed(found)}. Say which one with --mission SLUG"
        raise MissionError("MissionSelectorAmbiguous", words, exit_code=USAGE, details={"candidates": list(found)})
    raise _not_found(slugs, what)


def _not_found(names: Sequence[str], what: str) -> MissionError:
    if not names:
        words = "there is no mission in this repository: make one with `moonmind mission new TITLE`"
    else:
        words = f"{what} no mission. There are: {_listed(names)}"
    return MissionError("MissionNotFound", words, exit_code=USAGE, details={"candidates": list(names)})


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
