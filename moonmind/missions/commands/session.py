"""What every command begins with: its ports, and the mission that it is about."""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from moonmind.missions.errors import USAGE, MissionError
from moonmind.missions.ids import ULID
from moonmind.missions.meta import Meta, parse_meta
from moonmind.missions.ports import FsReader, Ports
from moonmind.missions.selector import select_mission

SPECS = "specs"
"""The folder of the missions, at the top of the repository."""


class Session(msgspec.Struct, frozen=True):
    """One call of a command."""

    ports: Ports
    meta: Meta


def open_session(mission: str | None, as_json: bool, ports: Ports | None) -> Session:
    """Raises MissionError, exit 2, when there is no repository or not exactly one mission that is meant. Only the
    meant one is read whole, so that a broken one stops no other; an id could be of any."""
    here = ports or default_ports(as_json)
    contents = _contents(here.reader)
    ids = {}
    if mission and ULID.match(mission.upper()):
        ids = {meta.slug: meta.mission_id for meta in _parsed(contents)}
    folder = branch = None
    if mission is None and len(contents) > 1:
        folder, branch = _folder_of(here.git.root()), here.git.branch()
    slug = select_mission(mission, list(contents), ids, folder=folder, branch=branch)
    return Session(here, _meta_of(contents[slug], slug))


def default_ports(as_json: bool) -> Ports:
    """The repository that the current folder lies in."""
    from moonmind.missions.adapters.commit_router import GitRouter
    from moonmind.missions.adapters.fs_reader import TreeReader
    from moonmind.missions.adapters.git_cli import open_repository
    from moonmind.missions.adapters.render import HumanRender, JsonRender

    git = open_repository(_current_folder())
    return Ports(TreeReader(git), GitRouter(git), git, JsonRender() if as_json else HumanRender())


def read_metas(reader: FsReader) -> list[Meta]:
    """Of all missions, in the order of their folders. A broken one is an error: nobody knows what it stands for."""
    return _parsed(_contents(reader))


def _contents(reader: FsReader) -> dict[str, bytes | MissionError]:
    """By folder, its `meta.json`, or why it cannot be read; a folder without one is no mission."""
    found = ((folder, _content(reader, folder)) for folder in reader.folders())
    return {folder: content for folder, content in found if content is not None}


def _content(reader: FsReader, folder: str) -> bytes | MissionError | None:
    try:
        return reader.read_meta(folder)
    except MissionError as error:
        return error


def _parsed(contents: Mapping[str, bytes | MissionError]) -> list[Meta]:
    return [_meta_of(content, folder) for folder, content in contents.items()]


def _meta_of(content: bytes | MissionError, folder: str) -> Meta:
    if isinstance(content, MissionError):
        raise content
    return parse_meta(content, folder)


def _current_folder() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise MissionError("NotARepository", "the current folder is gone: cd to one", exit_code=USAGE) from None


def _folder_of(root: str) -> str | None:
    """The folder below `specs/` that one stands in."""
    below = os.path.relpath(_current_folder(), os.path.join(root, SPECS)).split("/")
    return None if below[0] in (os.curdir, os.pardir) else below[0]
