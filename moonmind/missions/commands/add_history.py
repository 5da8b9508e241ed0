"""`moonmind tasks add-history`: a line for whoever works on a package later."""

from __future__ import annotations

from moonmind.missions.board import read_board
from moonmind.missions.commands.session import open_session
from moonmind.missions.commands.writing import find_package, package_edit, path_in_repository
from moonmind.missions.errors import USAGE, MissionError
from moonmind.missions.packages import HistoryEntry
from moonmind.missions.ports import Ports


def _do_add_history(
    task_id: str,
    *,
    note: str,
    agent: str | None = None,
    shell_pid: str | None = None,
    mission: str | None = None,
    as_json: bool = False,
    now: str,
    ports: Ports | None = None,
) -> None:
    """Writes the package's file in the working tree, on any branch, and commits nothing."""
    if not note.strip():
        raise MissionError("EmptyNote", "--note has no text: say what others should know", exit_code=USAGE)
    session = open_session(mission, as_json, ports)
    here, meta = session.ports, session.meta
    entry = HistoryEntry(at=now, note=note, agent=agent or here.git.user_name(), shell_pid=shell_pid)
    with here.router.exclusive():
        package = find_package(read_board(here.reader, meta), task_id)
        edit = package_edit(here.reader, meta, package.path, lambda front: {"history": [*front.history, entry]})
        here.router.commit_artifact(
            meta, {package.path: edit}, f"{task_id}: a note in its history", kind="package", policy="keep"
        )
    path = path_in_repository(meta, package.path)
    here.render.answer(
        {"result": "added", "task_id": task_id, "note": note},
        lambda: f"{task_id}: the note is in {path}, not committed",
    )
