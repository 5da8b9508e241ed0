"""Which mission a command is about. More than one that could be meant is an error, never a choice."""

from __future__ import annotations

from collections.abc import Sequence

from moonmind.missions.errors import USAGE, MissionError
from moonmind.missions.meta import Meta

_SHOWN = 10
"""Candidates that the sentence names; the document has all."""


def select_mission(text: str | None, metas: Sequence[Meta], *, folder: str | None, branch: str | None) -> Meta:
    """`text`: slug, its words, number or id. Without it: the mission whose `folder` one stands in, else those whose
    slug the checked-out `branch` begins with, else all. Raises MissionError `MissionNotFound` or
    `MissionSelectorAmbiguous` (`candidates`), both exit 2."""
    if text is not None:
        return _the_one([meta for meta in metas if _is_called(meta, text)], metas, f"`{text}` names")
    here = [meta for meta in metas if meta.slug == folder]
    of_branch = [meta for meta in metas if _begins_with(branch, meta.slug)]
    if here or of_branch:
        return _the_one(here or of_branch, metas, f"the branch {branch} belongs to")
    return _the_one(metas, metas, "without --mission it could be")


def _is_called(meta: Meta, text: str) -> bool:
    if text.isascii() and text.isdigit() and int(text) == meta.number:
        return True
    return text in (meta.slug, meta.slug.partition("-")[2]) or text.upper() == meta.mission_id


def _begins_with(branch: str | None, slug: str) -> bool:
    """`007-night` begins `007-night-wp01` and `007-night/wp01`, not `007-nightly`."""
    if branch is None or not branch.startswith(slug):
        return False
    return not branch[len(slug) : len(slug) + 1].isalnum()


def _the_one(found: Sequence[Meta], metas: Sequence[Meta], what: str) -> Meta:
    if len(found) == 1:
        return found[0]
    if found:
        names = [meta.slug for meta in found]
        words = f"{what} {len(found)} missions: {_listed(names)}. Say which one with --mission SLUG"
        raise MissionError("MissionSelectorAmbiguous", words, exit_code=USAGE, details={"candidates": names})
    raise _not_found([meta.slug for meta in metas], what)


def _not_found(names: Sequence[str], what: str) -> MissionError:
    if not names:
        words = "there is no mission in this repository: make one with `moonmind mission new TITLE`"
    else:
        words = f"{what} no mission. There are: {_listed(names)}"
    return MissionError("MissionNotFound", words, exit_code=USAGE, details={"candidates": list(names)})


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
