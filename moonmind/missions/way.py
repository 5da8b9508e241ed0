"""The way that a package has come through the lanes, checked against the table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from moonmind.missions import reducer
from moonmind.missions.board import Board
from moonmind.missions.events import Event
from moonmind.missions.lanes import EDGES

REMEDY = "see who wrote it (git log -p status.events.jsonl), and move the package where it belongs"


def find_breaks(board: Board, wp_id: str) -> Iterator[str]:
    """Moves that begin where the package was not, follow no edge without being forced, or are of another mission."""
    moves = reducer.moves_of(board.events, wp_id)
    if moves and moves[0].from_lane != "planned":
        yield f"{_told(moves[0])}, but every package begins planned: {REMEDY}"
    for before, move in pairwise(moves):
        if move.from_lane != before.to_lane:
            yield f"{_told(move)}, but it was {before.to_lane}: {REMEDY}"
    for move in moves:
        if (move.from_lane, move.to_lane) not in EDGES and not move.force:
            yield f"{_told(move)}, which the lanes do not allow and nobody forced: {REMEDY}"
    for event in board.events:
        if event.wp_id == wp_id and event.mission_id != board.meta.mission_id:
            yield f"event {event.event_id} is of mission {event.mission_slug}: remove the line from the log"


def find_oddities(board: Board, wp_id: str) -> Iterator[str]:
    """What somebody may have meant: work that was over and goes on, and moves that lost against one back."""
    moves = reducer.moves_of(board.events, wp_id)
    counted = {move.event_id for move in moves}
    for move in moves:
        if move.from_lane in ("done", "canceled") and move.force:
            yield f"{_told(move)}, by force: {move.reason}; check that whoever waited for it knows"
    for event in {event.event_id: event for event in board.events}.values():
        if event.wp_id == wp_id and event.from_lane != event.to_lane and event.event_id not in counted:
            yield f"{_told(event)}, and somebody moved it back at that instant, which counts: move it again if need be"


def _told(event: Event) -> str:
    return f"event {event.event_id}: {event.actor} moved {event.wp_id} from {event.from_lane} to {event.to_lane}"
