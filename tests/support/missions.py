"""Events and boards as tests of missions need them: what a test is not about has a default."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from moonmind.missions.board import Board, Package
from moonmind.missions.events import Event
from moonmind.missions.ids import make_ulid
from moonmind.missions.lanes import Lane
from moonmind.missions.meta import Meta
from moonmind.missions.packages import FrontMatter
from moonmind.missions.reducer import reduce_events
from moonmind.missions.tasks_document import Section, Subtask

MISSION_ID = make_ulid(1, 1)
SLUG = "007-night-shift"


def at(number: float) -> str:
    """So many minutes after nine, below an hour, as events have it."""
    seconds = round(number * 60)
    return f"2026-11-21T09:{seconds // 60:02}:{seconds % 60:02}.000000Z"


def event(number: int, from_lane: Lane, to_lane: Lane, **rest: Any) -> Event:
    """The event of that number: its id and, unless `at` says otherwise, its minute."""
    given: dict[str, Any] = {
        "event_id": make_ulid(1, number),
        "at": at(number),
        "wp_id": "WP01",
        "actor": "ann",
        "force": False,
        "reason": None,
        "evidence": None,
        "review_ref": None,
        "review_result": None,
        "execution_mode": "code_change",
        "mission_id": MISSION_ID,
        "mission_slug": SLUG,
    }
    return Event(from_lane=from_lane, to_lane=to_lane, **{**given, **rest})


def meta(**rest: Any) -> Meta:
    """A `single` mission, merged into `main`."""
    given: dict[str, Any] = {
        "mission_id": MISSION_ID,
        "slug": SLUG,
        "title": "Night shift",
        "created_at": at(0),
        "topology": "single",
        "target_branch": "main",
        "coordination_branch": None,
        "protected_branches": [],
    }
    return Meta(**{**given, **rest})


def section(wp_id: str, *dependencies: str, subtasks: Sequence[str] = (), phase: str | None = None) -> Section:
    """Of `tasks.md`. Its subtasks are open check boxes."""
    boxes = tuple(Subtask(id=one, text=one, done=False, format="checkbox", line=1) for one in subtasks)
    return Section(wp_id, f"Section {wp_id}", phase, dependencies, boxes, line=1)


def package(wp_id: str, **front: Any) -> Package:
    """A work package's file."""
    return Package(f"tasks/{wp_id}-work.md", FrontMatter(work_package_id=wp_id, title=f"Work {wp_id}", **front))


def board(*parts: Section | Package, events: Iterable[Event] = ()) -> Board:
    """Of these sections and files; the snapshot is what the events amount to."""
    log = list(events)
    return Board(
        meta=meta(),
        sections=[part for part in parts if isinstance(part, Section)],
        packages={part.front.work_package_id: part for part in parts if isinstance(part, Package)},
        events=log,
        snapshot=reduce_events(log, mission_id=MISSION_ID, mission_slug=SLUG),
    )
