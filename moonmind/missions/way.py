"""The way that a package has come through the lanes, checked against the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from moonmind.missions import reducer
from moonmind.missions.board import Board
from moonmind.missions.events import Event
from moonmind.missions.lanes import EDGES, Lane, is_back

REMEDY = "see who wrote it (git log -p status.events.jsonl), and move the package where it belongs"

WORKED_ON: frozenset[Lane] = frozenset({"planned", "claimed", "in_progress"})
"""Whatever was handed over before a package was there again is not what is handed over now."""


def find_breaks(board: Board, wp_id: str) -> Iterator[str]:
    """Moves that begin where the package was not, or follow no edge without being forced, and that nobody has settled;
    and events of another mission."""
    moves = reducer.moves_of(board.events, wp_id)
    yield from (f"{one.text}: {REMEDY}" for one in _breaks(moves) if not one.is_settled)
    for event in board.events:
        if event.wp_id == wp_id and event.mission_id != board.meta.mission_id:
            yield f"event {event.event_id} is of mission {event.mission_slug}: remove the line from the log"


def find_oddities(board: Board, wp_id: str) -> Iterator[str]:
    """What somebody may have meant: work that was over and goes on, and moves that lost against one back."""
    moves = reducer.moves_of(board.events, wp_id)
    counted = {move.event_id for move in moves}
    yield from (
        f"{one.text}; a later move settled it, see that the lane is right" for one in _breaks(moves) if one.is_settled
    )
    for move in moves:
        if move.from_lane in ("done", "canceled") and move.force:
            yield f"{_told(move)}, by force: {move.reason}; check that whoever waited for it knows"
    for event in {event.event_id: event for event in board.events}.values():
        if event.wp_id == wp_id and event.from_lane != event.to_lane and event.event_id not in counted:
            yield f"{_told(event)}, and somebody moved it back at that instant, which counts: move it again if need be"


def handed_over_commit(moves: Sequence[Event]) -> str | None:
    """What was handed over of a package when it last was, of its moves in their order; None while it is worked on."""
    for move in reversed(moves):
        if move.to_lane in WORKED_ON:
            return None
        if move.evidence is not None and move.evidence.commit is not None:
            return move.evidence.commit
    return None


@dataclass(frozen=True, slots=True)
class _Break:
    """A move that does not fit. `is_settled`: somebody has moved the package since."""

    text: str
    is_settled: bool


def _breaks(moves: Sequence[Event]) -> Iterator[_Break]:
    """Two who disagreed where the package was are settled by any later move from where it then was. What went where no
    edge leads is settled by who takes it back or forces it: going on from there may be part of the same mistake."""
    joined = [before.to_lane == move.from_lane for before, move in pairwise(moves)]
    if moves and moves[0].from_lane != "planned":
        yield _Break(f"{_told(moves[0])}, but every package begins planned", any(joined))
    for place, (before, move) in enumerate(pairwise(moves), start=1):
        if not joined[place - 1]:
            yield _Break(f"{_told(move)}, but it was {before.to_lane}", any(joined[place:]))
    mended = [move.force or is_back(move.from_lane, move.to_lane) for move in moves]
    for place, move in enumerate(moves, start=1):
        if (move.from_lane, move.to_lane) not in EDGES and not move.force:
            text = f"{_told(move)}, which the lanes do not allow and nobody forced"
            yield _Break(text, any(mended[place:]))


def _told(event: Event) -> str:
    return f"event {event.event_id}: {event.actor} moved {event.wp_id} from {event.from_lane} to {event.to_lane}"
