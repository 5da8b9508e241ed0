"""Which package does what the specification asks for: the decision of `map-requirements`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from moonmind.missions.board import Board
from moonmind.missions.errors import USAGE, Refusal
from moonmind.missions.ids import REQUIREMENT

MAX_TRACKER_REF = 500
"""Characters of a reference to an issue tracker: as many as the front matter takes."""

_Key = Literal["requirement_refs", "tracker_refs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingRequest:
    """`moonmind tasks map-requirements`, as it was called. `refs`: with commas, `FR-1,C-2`; `batch`: a JSON object,
    `{"WP01": ["FR-1"]}`; `replace`: instead of what a package has, else in addition to it."""

    wp: str | None = None
    refs: str | None = None
    batch: str | None = None
    tracker_refs: Sequence[str] = ()
    replace: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementMap:
    """`modified`: by package the new `requirement_refs` or `tracker_refs`, in the order of the request; `unchanged`:
    packages of the request that have them already."""

    modified: Mapping[str, Mapping[str, list[str]]]
    unchanged: tuple[str, ...]


def decide_mapping(request: MappingRequest, board: Board, known: Sequence[str]) -> RequirementMap | Refusal:
    """`known`: the specification's requirements. All packages and all their references are checked before the answer is
    yes. Refusals: `MappingUsage` and `BrokenBatch` (usage), `UnknownWorkPackage`, `InvalidRequirement`,
    `UnknownRequirement`, `InvalidTrackerRef`."""
    asked = _asked(request)
    if isinstance(asked, Refusal):
        return asked
    if missing := [wp_id for wp_id in asked if wp_id not in board.packages]:
        return _unknown_packages(missing, board)
    key: _Key = "tracker_refs" if request.tracker_refs else "requirement_refs"
    wanted = {wp_id: _wanted(board, wp_id, key, refs, request.replace) for wp_id, refs in asked.items()}
    refused = _check_tracker_refs(wanted) if key == "tracker_refs" else _check_requirements(wanted, known)
    return refused or _compare(board, key, wanted)


def _asked(request: MappingRequest) -> Mapping[str, Sequence[str]] | Refusal:
    """By package what was asked for, in the one mode of the call."""
    refs = [ref for ref in (request.refs or "").split(",") if ref.strip()]
    match (request.wp is not None, bool(refs), request.batch, bool(request.tracker_refs)):
        case (True, True, None, False):
            return {str(request.wp): refs}
        case (True, False, None, True):
            return {str(request.wp): request.tracker_refs}
        case (False, False, str() as batch, False):
            return _parse_batch(batch)
    return Refusal(
        "MappingUsage",
        "one way a call: give --wp with --refs, or --batch, or --wp with --tracker-ref",
        exit_code=USAGE,
    )


def _parse_batch(text: str) -> Mapping[str, Sequence[str]] | Refusal:
    try:
        batch = msgspec.json.decode(text, type=dict[str, list[str]])
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        why = str(error)
    else:
        if batch:
            return batch
        why = "it names no package"
    return Refusal("BrokenBatch", f'--batch: {why}; write a JSON object such as {{"WP01": ["FR-1"]}}', exit_code=USAGE)


def _unknown_packages(missing: Sequence[str], board: Board) -> Refusal:
    there = ", ".join(board.packages) or "none"
    return Refusal(
        "UnknownWorkPackage",
        f"{board.meta.slug} has no file of {', '.join(missing)}. Packages with a file: {there}",
        {"work_packages": list(missing)},
    )


def _wanted(board: Board, wp_id: str, key: _Key, refs: Sequence[str], replace: bool) -> list[str]:
    """Each once, those that were there first; ids of requirements in upper case."""
    before = [] if replace else _present(board, wp_id, key)
    together = [*before, *map(str.strip, refs)]
    return list(dict.fromkeys(map(str.upper, together) if key == "requirement_refs" else together))


def _present(board: Board, wp_id: str, key: _Key) -> list[str]:
    front = board.packages[wp_id].front
    return front.requirement_refs if key == "requirement_refs" else front.tracker_refs


def _check_requirements(wanted: Mapping[str, Sequence[str]], known: Sequence[str]) -> Refusal | None:
    """The references that a package would have, those included that it has already."""
    pairs = [(wp_id, ref) for wp_id, refs in wanted.items() for ref in refs]
    if wrong := [pair for pair in pairs if not REQUIREMENT.fullmatch(pair[1])]:
        message = f"{_listed(wrong)}: a requirement is called FR-1, NFR-1 or C-1"
        return Refusal("InvalidRequirement", message, {"references": _by_package(wrong)})
    if unknown := [pair for pair in pairs if pair[1] not in known]:
        there = ", ".join(known) or "none"
        message = f"{_listed(unknown)}: not in spec.md, which has {there}; add it there, or give others with --replace"
        return Refusal("UnknownRequirement", message, {"references": _by_package(unknown)})
    return None


def _check_tracker_refs(wanted: Mapping[str, Sequence[str]]) -> Refusal | None:
    pairs = [(wp_id, ref) for wp_id, refs in wanted.items() for ref in refs]
    if wrong := [pair for pair in pairs if not _is_one_line(pair[1])]:
        message = f"{_listed(wrong)}: a tracker reference is one line of 1 to {MAX_TRACKER_REF} characters"
        return Refusal("InvalidTrackerRef", message, {"references": _by_package(wrong)})
    return None


def _is_one_line(ref: str) -> bool:
    """What the front matter takes, and a person can read."""
    return 0 < len(ref) <= MAX_TRACKER_REF and ref.isprintable()


def _listed(pairs: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{ref!r} of {wp_id}" for wp_id, ref in pairs)


def _by_package(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    return {wp_id: [ref for other, ref in pairs if other == wp_id] for wp_id, _ in pairs}


def _compare(board: Board, key: _Key, wanted: Mapping[str, list[str]]) -> RequirementMap:
    changed: dict[str, Mapping[str, list[str]]] = {
        wp_id: {key: refs} for wp_id, refs in wanted.items() if refs != _present(board, wp_id, key)
    }
    return RequirementMap(modified=changed, unchanged=tuple(wp_id for wp_id in wanted if wp_id not in changed))
