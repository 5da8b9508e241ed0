"""`moonmind tasks finalize-tasks`: what would be written and what is written come from one decision."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from moonmind.missions import finalize, front_matter, specification
from moonmind.missions.board import Board, read_board
from moonmind.missions.commands.session import Session, open_session
from moonmind.missions.errors import Refusal, RefusedError
from moonmind.missions.finalize import FinalizePlan
from moonmind.missions.ports import Ports


def _do_finalize_tasks(*, validate_only: bool, mission: str | None, as_json: bool, ports: Ports | None = None) -> None:
    """Raises RefusedError with the core's reason, in both modes; then nothing was written."""
    session = open_session(mission, as_json, ports)
    render = session.ports.render
    if validate_only:
        _, plan = _decide(session)
        render.answer(_would(plan), lambda: _words(plan, "would change"))
        return
    with session.ports.router.exclusive():
        board, plan = _decide(session)
        _write(session, board, plan)
    render.answer(_did(plan), lambda: _words(plan, "changed"))


def _decide(session: Session) -> tuple[Board, FinalizePlan]:
    reader, meta = session.ports.reader, session.meta
    board = read_board(reader, meta)
    known = specification.requirement_ids(reader.read(meta, "planning", "spec.md") or b"")
    plan = finalize.decide_finalize(board, known)
    if isinstance(plan, Refusal):
        raise RefusedError(plan)
    return board, plan


def _write(session: Session, board: Board, plan: FinalizePlan) -> None:
    """Into the working tree; nothing is committed."""
    edits = {
        board.packages[wp_id].path: partial(front_matter.set_fields, fields=fields)
        for wp_id, fields in plan.modified.items()
    }
    if edits:
        message = f"{session.meta.slug}: finalize tasks"
        session.ports.router.commit_artifact(session.meta, edits, message, kind="package", policy="keep")


def _did(plan: FinalizePlan) -> dict[str, Any]:
    return {
        "result": "finalized" if plan.modified else "unchanged",
        "updated_wp_count": len(plan.modified),
        "modified_wps": list(plan.modified),
        "unchanged_wps": list(plan.unchanged),
        "preserved_wps": list(plan.preserved),
        "dependencies": _as_lists(plan.dependencies),
    }


def _would(plan: FinalizePlan) -> dict[str, Any]:
    return {
        "validation_passed": True,
        "would_modify": list(plan.modified),
        "would_preserve": list(plan.preserved),
        "unchanged": list(plan.unchanged),
    }


def _as_lists(dependencies: Mapping[str, Any]) -> dict[str, list[str]]:
    return {wp_id: list(names) for wp_id, names in dependencies.items()}


def _words(plan: FinalizePlan, done: str) -> str:
    parts = [
        (done, plan.modified),
        ("as it should be", plan.unchanged),
        ("left alone, because it has left `planned`", plan.preserved),
    ]
    lines = [f"{what}: {', '.join(packages)}" for what, packages in parts if packages]
    return "\n".join(["tasks.md is in order", *lines])
