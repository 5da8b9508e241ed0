"""`moonmind tasks list-dependents`."""

from __future__ import annotations

from moonmind.missions import graph
from moonmind.missions.board import read_board
from moonmind.missions.commands.session import open_session
from moonmind.missions.errors import MissionError
from moonmind.missions.ports import Ports


def _do_list_dependents(*, wp_id: str, mission: str | None, as_json: bool, ports: Ports | None = None) -> None:
    """Direct ones, both ways. Raises MissionError `UnknownWorkPackage` for a package that `tasks.md` does not have."""
    session = open_session(mission, as_json, ports)
    dependencies = read_board(session.ports.reader, session.meta).dependencies
    if wp_id not in dependencies:
        known = ", ".join(dependencies) or "none yet"
        raise MissionError("UnknownWorkPackage", f"tasks.md has no {wp_id}. It has: {known}")
    before, after = dependencies[wp_id], graph.dependents_of(dependencies, wp_id)
    document = {"wp_id": wp_id, "depends_on": list(before), "dependents": list(after)}
    session.ports.render.answer(document, lambda: _words(wp_id, before, after))


def _words(wp_id: str, before: tuple[str, ...], after: tuple[str, ...]) -> str:
    waits, waited = ", ".join(before) or "nothing", ", ".join(after) or "nothing"
    return f"{wp_id} waits for: {waits}\nwaiting for {wp_id}: {waited}"
