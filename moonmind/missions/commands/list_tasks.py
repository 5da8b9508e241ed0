"""`moonmind tasks list-tasks`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from moonmind.missions import status
from moonmind.missions.board import read_board
from moonmind.missions.commands import words
from moonmind.missions.commands.session import open_session
from moonmind.missions.lanes import Lane
from moonmind.missions.ports import Ports


def _do_list_tasks(*, lane: Lane | None, mission: str | None, as_json: bool, ports: Ports | None = None) -> None:
    """The packages of one lane, or all. None in a lane is an answer, not an error."""
    session = open_session(mission, as_json, ports)
    rows = status.list_packages(read_board(session.ports.reader, session.meta), lane)
    session.ports.render.answer({"tasks": rows, "count": len(rows)}, lambda: _words(rows, lane))


def _words(rows: Sequence[Mapping[str, Any]], lane: Lane | None) -> str:
    if not rows:
        return f"no work packages in {lane}" if lane else "no work packages yet: write them into tasks.md"
    cells = [[row["work_package_id"], row["lane"], row["title"], row["path"] or "-"] for row in rows]
    return words.table(["id", "lane", "title", "file"], cells, words.screen_width())
