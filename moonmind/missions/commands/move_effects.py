"""A move that was decided, done: first the events, which are the truth, then the views of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from moonmind.missions.board import Board, Package
from moonmind.missions.commands.moment import make_events
from moonmind.missions.commands.writing import package_edit, reduce_with
from moonmind.missions.documents import reviews
from moonmind.missions.documents.packages import FrontMatter, HistoryEntry
from moonmind.missions.events import Event
from moonmind.missions.moves import Move, MoveFacts, MoveRequest
from moonmind.missions.ports import Edit, FsReader, Ports
from moonmind.missions.snapshot import encode_snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One call of move-task. `feedback`: the text of the feedback file; `now` and `chance`: for ids and times."""

    board: Board
    package: Package
    request: MoveRequest
    facts: MoveFacts
    feedback: str
    now: str
    chance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """All that is going to be written. `subject`: of commits, and the history's line."""

    events: list[Event]
    snapshot: bytes
    review: Mapping[str, Edit]
    package: Mapping[str, Edit]
    subject: str


def prepare_effects(case: Case, move: Move, reader: FsReader) -> Effects:
    """Writes nothing. Raises MissionError where something cannot be written as it should be."""
    events = make_events(case.board, [(case.package, hop) for hop in move.hops], now=case.now, chance=case.chance)
    return Effects(
        events=events,
        snapshot=encode_snapshot(reduce_with(case.board, events)),
        review=_review(case, events) if move.writes_feedback else {},
        package=_package(case, move, events, reader),
        subject=f"{case.request.wp_id}: {_way(events)}",
    )


def write_effects(case: Case, effects: Effects, ports: Ports) -> None:
    """One commit a branch, with the message of the first."""
    meta, policy, subject = case.board.meta, case.facts.policy, effects.subject
    if effects.events:
        ports.router.commit_status(meta, effects.events, effects.snapshot, policy=policy)
    if effects.review:
        ports.router.commit_artifact(meta, effects.review, subject, kind="review", policy=policy)
    if effects.package:
        ports.router.commit_artifact(meta, effects.package, subject, kind="package", policy=policy)


def _way(events: list[Event]) -> str:
    """`planned → claimed → in_progress`."""
    return " → ".join([*(event.from_lane for event in events[:1]), *(event.to_lane for event in events)])


def _review(case: Case, events: list[Event]) -> Mapping[str, Edit]:
    cycle, last = case.facts.next_cycle, events[-1]
    reviewer = last.review_result.reviewer if last.review_result else last.actor
    text = reviews.encode_review(cycle=cycle, verdict="rejected", reviewer=reviewer, at=last.at, text=case.feedback)
    return {f"{case.package.review_folder}/{reviews.cycle_name(cycle)}": lambda _: text}


def _package(case: Case, move: Move, events: list[Event], reader: FsReader) -> Mapping[str, Edit]:
    """The fields of the move and a line of history; nothing where the file is left alone."""
    entry = None if move.skipped_reason else _history_entry(case.request, events)

    def change(front: FrontMatter) -> Mapping[str, object]:
        history = {"history": [*front.history, entry]} if entry else {}
        return {**move.fields, **history}

    if not entry and not move.fields:
        return {}
    return {case.package.path: package_edit(reader, case.board.meta, case.package.path, change)}


def _history_entry(request: MoveRequest, events: list[Event]) -> HistoryEntry | None:
    if not events:
        return None
    said = (request.note or "").strip()
    note = f"{_way(events)}: {said}" if said else _way(events)
    return HistoryEntry(at=events[-1].at, note=note, agent=events[-1].actor, shell_pid=request.shell_pid)
