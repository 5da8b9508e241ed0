"""`moonmind tasks validate-workflow`."""

from __future__ import annotations

from moonmind.missions import workflow
from moonmind.missions.board import Board, read_board
from moonmind.missions.commands.move_facts import newest_review
from moonmind.missions.commands.session import open_session
from moonmind.missions.commands.writing import find_package
from moonmind.missions.errors import REFUSED
from moonmind.missions.lanes import Lane
from moonmind.missions.moves import ReviewFile
from moonmind.missions.ports import FsReader, Ports
from moonmind.missions.workflow import Validity


def _do_validate_workflow(
    *, task_id: str, mission: str | None, as_json: bool, ports: Ports | None = None
) -> int | None:
    """1 for a package that is not in order: a completed answer, not an error."""
    session = open_session(mission, as_json, ports)
    reader = session.ports.reader
    board = read_board(reader, session.meta)
    review_file, view = _review_file(reader, board, task_id), reader.read(session.meta, "status", "status.json")
    validity = workflow.decide_validity(board, task_id, review_file=review_file, view=view)
    lane = board.state_of(task_id).lane
    document = {
        "valid": validity.valid,
        "errors": list(validity.errors),
        "warnings": list(validity.warnings),
        "task_id": task_id,
        "lane": lane,
    }
    session.ports.render.answer(document, lambda: _words(task_id, lane, validity))
    return None if validity.valid else REFUSED


def _review_file(reader: FsReader, board: Board, task_id: str) -> ReviewFile:
    """A package that only has a section has none; of one that has not even that nothing can be said."""
    if task_id in board.dependencies and task_id not in board.packages:
        return "none"
    return newest_review(reader, board, find_package(board, task_id))[0]


def _words(task_id: str, lane: Lane, validity: Validity) -> str:
    verdict = "in order" if validity.valid else "not in order"
    errors = [f"  error: {text}" for text in validity.errors]
    return "\n".join([f"{task_id} ({lane}) is {verdict}", *errors, *(f"  warning: {one}" for one in validity.warnings)])
