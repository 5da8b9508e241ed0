"""A mission as it stands: everything that commands read, read once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Never

import msgspec

from moonmind.missions import reducer
from moonmind.missions.documents.front_matter import parse_front_matter
from moonmind.missions.documents.packages import FrontMatter
from moonmind.missions.documents.tasks_document import Section, Subtask, parse_tasks
from moonmind.missions.errors import MissionError
from moonmind.missions.events import Event, parse_log
from moonmind.missions.log_remedies import missing_log
from moonmind.missions.meta import Meta
from moonmind.missions.ports import FsReader
from moonmind.missions.snapshot import PackageState, Snapshot

LOG = "status.events.jsonl"
MAX_PACKAGES = 1000
"""Of one mission: people lose sight of far fewer."""

_PACKAGE_FILE = re.compile(r"(WP\d{2,4})-.+\.md")
_ALMOST = re.compile(r"WP\d.*\.md", re.IGNORECASE)


class Package(msgspec.Struct, frozen=True):
    """A work package's file. `path`: below the mission's folder, `tasks/WP01-name.md`."""

    path: str
    front: FrontMatter

    @property
    def review_folder(self) -> str:
        """Where its review cycles lie, `tasks/WP01-name`."""
        return self.path.removesuffix(".md")


class Board(msgspec.Struct, frozen=True):
    """`sections`: of `tasks.md`, in its order; none and `has_tasks` false without the file. `packages`: files by id, in
    the order of their numbers. `events`: as they stand in the log."""

    meta: Meta
    sections: Sequence[Section]
    packages: Mapping[str, Package]
    events: Sequence[Event]
    snapshot: Snapshot
    has_tasks: bool = True

    def state_of(self, wp_id: str) -> PackageState:
        """Planned, where the log says nothing."""
        return self.snapshot.state_of(wp_id)

    @property
    def dependencies(self) -> Mapping[str, tuple[str, ...]]:
        """By package, what it waits for: the one source that every command asks."""
        return {section.wp_id: section.dependencies for section in self.sections}

    def open_subtasks(self, wp_id: str) -> tuple[Subtask, ...]:
        """Those of the package that no event calls done."""
        told = self.state_of(wp_id).subtasks
        return tuple(
            subtask
            for section in self.sections
            if section.wp_id == wp_id
            for subtask in section.subtasks
            if told.get(subtask.id) != "done"
        )


def read_board(reader: FsReader, meta: Meta) -> Board:
    """Each artifact from where it is kept. Raises MissionError that names the file: `BrokenTasks`, `BrokenFrontMatter`,
    `BrokenEventLog`, and `BrokenPackage` for files of packages that do not go together."""
    tasks = reader.read(meta, "planning", "tasks.md")
    events = _read_log(reader, meta)
    return Board(
        meta=meta,
        sections=parse_tasks(tasks or b""),
        packages=_read_packages(reader, meta),
        events=events,
        snapshot=reducer.reduce_events(events, mission_id=meta.mission_id, mission_slug=meta.slug),
        has_tasks=tasks is not None,
    )


def _read_log(reader: FsReader, meta: Meta) -> list[Event]:
    name, branch = f"specs/{meta.slug}/{LOG}", meta.coordination_branch
    content = reader.read(meta, "status", LOG)
    if content is None:
        raise missing_log(name, branch)
    return parse_log(content, name=name, branch=branch)


def _read_packages(reader: FsReader, meta: Meta) -> dict[str, Package]:
    paths = _package_paths(meta, reader.names(meta, "package", "tasks"))
    packages = {}
    for wp_id, path in paths.items():
        name = f"specs/{meta.slug}/{path}"
        front = parse_front_matter(reader.read(meta, "package", path) or b"", name)
        if front.work_package_id != wp_id:
            _refuse(
                name, f"its `work_package_id` is {front.work_package_id}, its name says {wp_id}: correct one of them"
            )
        packages[wp_id] = Package(path, front)
    return packages


def _package_paths(meta: Meta, names: Sequence[str]) -> dict[str, str]:
    """By id; files that are called otherwise, such as a README, are none."""
    paths: dict[str, str] = {}
    for name in names:
        found = _PACKAGE_FILE.fullmatch(name)
        if found is None and _ALMOST.fullmatch(name):
            _refuse(f"specs/{meta.slug}/tasks/{name}", "call it by its id and a name, such as WP01-parser.md")
        if found is not None and found[1] in paths:
            _refuse(f"specs/{meta.slug}/tasks/{name}", f"{paths[found[1]]} is {found[1]} already: remove one of them")
        if found is not None:
            paths[found[1]] = f"tasks/{name}"
    if len(paths) > MAX_PACKAGES:
        _refuse(
            f"specs/{meta.slug}/tasks", f"it has {len(paths)} packages, more than {MAX_PACKAGES}: split the mission"
        )
    return dict(sorted(paths.items(), key=lambda item: (int(item[0][2:]), item[0])))


def _refuse(name: str, why: str) -> Never:
    raise MissionError("BrokenPackage", f"{name}: {why}", details={"file": name})
