"""`moonmind mission list` and `show`. Making one: `mission_new`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from moonmind.missions import status
from moonmind.missions.board import read_board
from moonmind.missions.commands import words
from moonmind.missions.commands.session import SPECS, default_ports, open_session, read_metas
from moonmind.missions.lanes import LANES, Lane
from moonmind.missions.meta import Meta
from moonmind.missions.placement import Kind, place_of
from moonmind.missions.ports import Ports


def _do_mission_list(*, as_json: bool, ports: Ports | None = None) -> None:
    """None is an answer, not an error."""
    here = ports or default_ports(as_json)
    metas = read_metas(here.reader)
    here.render.answer({"missions": [_row(meta) for meta in metas], "count": len(metas)}, lambda: _list_words(metas))


def _do_mission_show(*, mission: str | None, as_json: bool, ports: Ports | None = None) -> None:
    """What it is, how many packages are in each lane, and where its parts lie."""
    session = open_session(mission, as_json, ports)
    meta = session.meta
    rows = status.list_packages(read_board(session.ports.reader, meta), None)
    by_lane = {lane: sum(row["lane"] == lane for row in rows) for lane in LANES}
    document = {
        **_row(meta),
        "created_at": meta.created_at,
        "protected_branches": meta.protected_branches,
        "total_wps": len(rows),
        "by_lane": by_lane,
        "places": {kind: place_of(kind, meta.topology) for kind in get_args(Kind)},
    }
    session.ports.render.answer(document, lambda: _show_words(meta, by_lane))


def _row(meta: Meta) -> dict[str, Any]:
    return {
        "mission_id": meta.mission_id,
        "mission_slug": meta.slug,
        "number": meta.number,
        "title": meta.title,
        "path": f"{SPECS}/{meta.slug}",
        "topology": meta.topology,
        "target_branch": meta.target_branch,
        "coordination_branch": meta.coordination_branch,
    }


def _place(meta: Meta, kind: Kind) -> str:
    return f"branch {meta.coordination_branch}" if place_of(kind, meta.topology) == "coordination" else "working tree"


def _list_words(metas: Sequence[Meta]) -> str:
    if not metas:
        return "no missions yet: make one with `moonmind mission new TITLE`"
    rows = [[meta.slug, meta.title, meta.topology, meta.target_branch] for meta in metas]
    return words.table(["mission", "title", "topology", "target"], rows, words.screen_width())


def _show_words(meta: Meta, by_lane: Mapping[Lane, int]) -> str:
    counts = ", ".join(f"{lane} {count}" for lane, count in by_lane.items() if count)
    facts = [
        ("title", words.plain(meta.title)),
        ("folder", f"{SPECS}/{meta.slug}"),
        ("id", meta.mission_id),
        ("created", meta.created_at[:16].replace("T", " ") + " UTC"),
        ("target branch", meta.target_branch),
        ("protected", ", ".join(meta.protected_branches) or "nothing"),
        ("packages", counts or "none yet"),
        ("log, snapshot", _place(meta, "status")),
        ("reviews", _place(meta, "review")),
        ("the rest", _place(meta, "package")),
    ]
    return "\n".join(f"{name:15}{value}" for name, value in facts)
