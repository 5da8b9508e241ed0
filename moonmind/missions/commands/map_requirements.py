"""`moonmind tasks map-requirements`: which package does what the specification asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from moonmind.missions import requirements
from moonmind.missions.board import Board, read_board
from moonmind.missions.commands.session import open_session
from moonmind.missions.commands.writing import Change, find_policy, note_uncommitted, package_edit
from moonmind.missions.documents.specification import requirement_ids
from moonmind.missions.errors import Refusal, RefusedError
from moonmind.missions.ports import Edit, FsReader, Ports
from moonmind.missions.requirements import MappingRequest, RequirementMap


def _do_map_requirements(
    *,
    wp: str | None = None,
    refs: str | None = None,
    batch: str | None = None,
    tracker_refs: Sequence[str] = (),
    replace: bool = False,
    auto_commit: bool = True,
    mission: str | None = None,
    as_json: bool = False,
    ports: Ports | None = None,
) -> None:
    """All packages in one commit, which has no event. Raises RefusedError with the core's reason."""
    session = open_session(mission, as_json, ports)
    here, meta = session.ports, session.meta
    request = MappingRequest(wp=wp, refs=refs, batch=batch, tracker_refs=tracker_refs, replace=replace)
    with here.router.exclusive():
        board = read_board(here.reader, meta)
        known = requirement_ids(here.reader.read(meta, "planning", "spec.md") or b"")
        mapping = requirements.decide_mapping(request, board, known)
        if isinstance(mapping, Refusal):
            raise RefusedError(mapping)
        policy = find_policy("map-requirements", meta, here.git, auto_commit=auto_commit)
        if mapping.modified:
            edits = _edits(board, mapping, here.reader)
            about = "tracker refs" if tracker_refs else "requirements"
            subject = f"{', '.join(mapping.modified)}: {about}"
            here.router.commit_artifact(meta, edits, subject, kind="package", policy=policy)
    if mapping.modified:
        note_uncommitted(meta, policy, here.render)
    here.render.answer(_document(mapping), lambda: _words(mapping))


def _edits(board: Board, mapping: RequirementMap, reader: FsReader) -> dict[str, Edit]:
    """Every file is checked here, before the first is written."""
    paths = {board.packages[wp_id].path: fields for wp_id, fields in mapping.modified.items()}
    return {path: package_edit(reader, board.meta, path, _setting(fields)) for path, fields in paths.items()}


def _setting(fields: Mapping[str, object]) -> Change:
    return lambda _: fields


def _document(mapping: RequirementMap) -> dict[str, Any]:
    """`mappings`: what changed, by package all that it has now."""
    return {
        "result": "mapped" if mapping.modified else "unchanged",
        "mappings": {wp_id: dict(fields) for wp_id, fields in mapping.modified.items()},
        "unchanged_wps": list(mapping.unchanged),
    }


def _words(mapping: RequirementMap) -> str:
    """A line for each package, and what comes next."""
    changed = [
        f"{wp_id} has {', '.join(refs)}" for wp_id, fields in mapping.modified.items() for refs in fields.values()
    ]
    same = [f"{wp_id} had them already" for wp_id in mapping.unchanged]
    return "\n".join([*changed, *same, "next: moonmind tasks finalize-tasks --validate-only says what is missing"])
