"""`moonmind tasks move-task`: ask whether a package may be moved, and do just what the answer says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict, Unpack

from moonmind.missions import transition
from moonmind.missions.board import read_board
from moonmind.missions.commands.move_effects import Case, prepare_effects, write_effects
from moonmind.missions.commands.move_facts import gather_facts, read_feedback
from moonmind.missions.commands.move_words import move_document, move_words
from moonmind.missions.commands.session import open_session
from moonmind.missions.commands.writing import find_package, note_uncommitted
from moonmind.missions.errors import Refusal, RefusedError
from moonmind.missions.lanes import Lane
from moonmind.missions.moves import MoveRequest
from moonmind.missions.ports import Ports


class MoveOptions(TypedDict, total=False):
    """What the command line hands on to the core as it is; `MoveRequest` has the same names."""

    agent: str | None
    assignee: str | None
    shell_pid: str | None
    note: str | None
    approval_ref: str | None
    reviewer: str | None
    self_review_fallback: bool
    intended_reviewer: str | None
    reviewer_failure_reason: str | None
    done_override_reason: str | None
    force: bool
    tracker_refs: Sequence[str]
    skip_review_artifact_check: bool


def _do_move_task(
    task_id: str,
    *,
    to: Lane,
    review_feedback_file: str | None = None,
    auto_commit: bool = True,
    mission: str | None = None,
    as_json: bool = False,
    now: str,
    chance: int,
    ports: Ports | None = None,
    **options: Unpack[MoveOptions],
) -> None:
    """Raises RefusedError with the core's reason; then nothing was changed."""
    session = open_session(mission, as_json, ports)
    here = session.ports
    feedback, text = read_feedback(review_feedback_file)
    request = MoveRequest(wp_id=task_id, to=to, **options)
    with here.router.exclusive():
        board = read_board(here.reader, session.meta)
        package = find_package(board, task_id)
        facts = gather_facts(board, package, here, request, feedback=feedback, auto_commit=auto_commit)
        move = transition.decide_move(request, facts)
        if isinstance(move, Refusal):
            raise RefusedError(move)
        case = Case(board=board, package=package, request=request, facts=facts, feedback=text, now=now, chance=chance)
        effects = prepare_effects(case, move, here.reader)
        write_effects(case, effects, here)
    if effects.events or effects.package:
        note_uncommitted(session.meta, facts.policy, here.render)
    here.render.answer(move_document(case, move, effects), lambda: move_words(case, move, effects))
