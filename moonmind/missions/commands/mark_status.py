"""`moonmind tasks mark-status`: tell that subtasks are done, or not. It moves no package."""

from __future__ import annotations

from collections.abc import Sequence

from moonmind.missions.board import Board, Package, read_board
from moonmind.missions.commands.marks import (
    Mark,
    all_statuses,
    checked_by_hand,
    decide_marks,
    marks_document,
    marks_words,
)
from moonmind.missions.commands.moment import make_events
from moonmind.missions.commands.session import open_session
from moonmind.missions.commands.writing import (
    find_actor,
    find_package,
    find_policy,
    note_uncommitted,
    reduce_with,
    total_edit,
)
from moonmind.missions.documents import tasks_document
from moonmind.missions.errors import MissionError
from moonmind.missions.events import Event, Evidence, SubtaskStatus
from moonmind.missions.moves import Hop
from moonmind.missions.placement import Policy
from moonmind.missions.ports import Ports, Render
from moonmind.missions.snapshot import encode_snapshot

TASKS = "tasks.md"


def _do_mark_status(
    task_ids: Sequence[str],
    *,
    status: SubtaskStatus,
    auto_commit: bool = True,
    mission: str | None = None,
    as_json: bool = False,
    now: str,
    chance: int,
    ports: Ports | None = None,
) -> None:
    """Raises MissionError `UnknownSubtask` when one id is not found: then none is told of."""
    session = open_session(mission, as_json, ports)
    here, meta = session.ports, session.meta
    with here.router.exclusive():
        policy = find_policy("mark-status", meta, here.git, auto_commit=auto_commit)
        board = read_board(here.reader, meta)
        marks = decide_marks(board, task_ids, status)
        _refuse_unknown(marks, status)
        events = make_events(board, _hops(board, marks, status, here), now=now, chance=chance)
        is_new = bool(events) or not all(mark.is_shown(status) for mark in marks)
        if is_new:
            _write(board, events, here, policy, f"{', '.join(mark.id for mark in marks)}: {status}")
    if is_new:
        _note_unchecked(board, marks, here.render)
        note_uncommitted(meta, policy, here.render)
    here.render.answer(marks_document(marks, status), lambda: marks_words(marks, status))


def _refuse_unknown(marks: Sequence[Mark], status: SubtaskStatus) -> None:
    """The document has what is certain: which ids are unknown, and which were told of before."""
    unknown = [mark.id for mark in marks if mark.outcome == "not_found"]
    if unknown:
        certain = [mark for mark in marks if mark.outcome != "updated"]
        words = f"{', '.join(unknown)}: not in tasks.md. Nothing was changed: correct the ids and say it again"
        raise MissionError("UnknownSubtask", words, details=marks_document(certain, status))


def _hops(board: Board, marks: Sequence[Mark], status: SubtaskStatus, ports: Ports) -> list[tuple[Package, Hop]]:
    """One for each package that something new is told of; it stays in its lane."""
    told: dict[str, dict[str, SubtaskStatus]] = {}
    for mark in marks:
        if mark.wp_id and mark.outcome == "updated":
            told.setdefault(mark.wp_id, {})[mark.id] = status
    if not told:
        return []
    actor = find_actor(ports.git)
    return [(find_package(board, wp_id), _hop(board, wp_id, actor, subtasks)) for wp_id, subtasks in told.items()]


def _hop(board: Board, wp_id: str, actor: str, subtasks: dict[str, SubtaskStatus]) -> Hop:
    lane = board.state_of(wp_id).lane
    return Hop(from_lane=lane, to_lane=lane, actor=actor, evidence=Evidence(subtasks=subtasks))


def _write(board: Board, events: list[Event], ports: Ports, policy: Policy, subject: str) -> None:
    """The log first, then the boxes of tasks.md as the log has them: also those that somebody changed by hand."""
    snapshot = reduce_with(board, events)
    statuses = all_statuses(board, snapshot)
    content = ports.reader.read(board.meta, "planning", TASKS) or b""
    edit = total_edit(content, lambda text: tasks_document.set_subtasks(text, statuses))
    if events:
        ports.router.commit_status(board.meta, events, encode_snapshot(snapshot), policy=policy)
    ports.router.commit_artifact(board.meta, {TASKS: edit}, subject, kind="planning", policy=policy)


def _note_unchecked(board: Board, marks: Sequence[Mark], render: Render) -> None:
    """People check boxes; the log does not hear of it."""
    if ids := checked_by_hand(board, besides={mark.id for mark in marks}):
        render.note(
            f"{', '.join(ids)}: checked in tasks.md, but not in the log: unchecked again. If it is done: "
            f"moonmind tasks mark-status {' '.join(ids)} --status done"
        )
