"""A mission as it stands: everything that commands read, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from moonmind.missions.events import Event
from moonmind.missions.meta import Meta
from moonmind.missions.packages import FrontMatter
from moonmind.missions.snapshot import PackageState, Snapshot
from moonmind.missions.tasks_document import Section, Subtask


@dataclass(frozen=True, slots=True)
class Package:
    """A work package's file. `path`: below the mission's folder, `tasks/WP01-name.md`."""

    path: str
    front: FrontMatter

    @property
    def review_folder(self) -> str:
        """Where its review cycles lie, `tasks/WP01-name`."""
        return self.path.removesuffix(".md")


@dataclass(frozen=True, slots=True)
class Board:
    """`sections`: of `tasks.md`, in its order. `packages`: files by id. `events`: as they stand in the log."""

    meta: Meta
    sections: Sequence[Section]
    packages: Mapping[str, Package]
    events: Sequence[Event]
    snapshot: Snapshot

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
