"""A small mission in memory, for tests of the commands that write."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from moonmind.missions.events import Event, encode_events, parse_log
from moonmind.missions.ids import make_ulid
from moonmind.missions.lanes import Lane
from moonmind.missions.meta import Meta, encode_meta
from moonmind.missions.ports import Ports
from tests.fakes.missions import FakeCommit, FakeGit, FakeReader, FakeRender, FakeRouter

SLUG = "007-night-shift"
NOW = "2026-11-21T10:00:00.000000Z"
MAIN, WORK = "a" * 40, "b" * 40
MISSION_ID = make_ulid(0, 7)

TASKS = """# Tasks: Night shift

## Phase 1: Foundation

### WP01: Parser
Depends on: none
- [ ] T001 Read the file
- [ ] T002 Report a broken line

### WP02: Report
Depends on: WP01

| id | task | status |
|---|---|---|
| T003 | Draw the table | pending |
"""
SPEC = "# Night shift\n\n- FR-1: read\n- FR-2: draw\n- NFR-1: fast\n- C-1: small\n"
PARSER, REPORT = "tasks/WP01-parser.md", "tasks/WP02-report.md"
PACKAGES = {
    PARSER: "---\nwork_package_id: WP01\ntitle: Parser  # as agreed\n---\n# Parser\n",
    REPORT: "---\nwork_package_id: WP02\ntitle: Report\ntracker_refs: ['#1']\n---\n# Report\n",
}


def meta(**changed: Any) -> Meta:
    """A `single` mission on the branch `main`."""
    known: dict[str, Any] = {
        "mission_id": MISSION_ID,
        "slug": SLUG,
        "title": "Night shift",
        "created_at": "2026-11-20T10:00:00.000000Z",
        "topology": "single",
        "target_branch": "main",
        "coordination_branch": None,
        "protected_branches": ["main"],
    }
    return Meta(**known | changed)


def coordination() -> Meta:
    """One whose log lies on a branch of its own."""
    return meta(topology="coordination", coordination_branch="coordination/007")


def event(number: int, from_lane: Lane, to_lane: Lane, wp_id: str = "WP01", **changed: Any) -> Event:
    """The event of a minute, by ann."""
    known: dict[str, Any] = {
        "actor": "ann",
        "force": False,
        "reason": None,
        "evidence": None,
        "review_ref": None,
        "review_result": None,
        "execution_mode": "code_change",
        "at": f"2026-11-21T09:{number:02d}:00.000000Z",
    }
    return Event(
        event_id=make_ulid(1, number),
        wp_id=wp_id,
        from_lane=from_lane,
        to_lane=to_lane,
        mission_id=MISSION_ID,
        mission_slug=SLUG,
        **known | changed,
    )


def walk(*lanes: Lane, wp_id: str = "WP01") -> list[Event]:
    """From lane to lane, one a minute."""
    return [event(number, *step, wp_id) for number, step in enumerate(pairwise(lanes))]


class Desk:
    """The ports over the mission's files; who sits there has `work` checked out, which changed a file."""

    def __init__(
        self,
        *events: Event,
        of: Meta | None = None,
        branch: str | None = "work",
        files: Mapping[str, str] | None = None,
    ) -> None:
        texts = {"tasks.md": TASKS, "spec.md": SPEC, **PACKAGES, **(files or {})}
        here = {path: text.encode() for path, text in texts.items()}
        log = {"status.events.jsonl": encode_events(events)}
        self.reader = FakeReader({SLUG: {"meta.json": encode_meta(of or meta()), **here, **log}})
        self.git = FakeGit(
            checked_out=branch,
            commits={"main": MAIN, "work": WORK, "HEAD": WORK},
            changed={(MAIN, WORK): ["src/work.py"]},
        )
        self.router = FakeRouter(self.reader, branch or "HEAD")
        self.render = FakeRender()
        self.before = dict(self.reader.files[SLUG])
        self._told = len(events)

    @property
    def ports(self) -> Ports:
        return Ports(self.reader, self.router, self.git, self.render)

    @property
    def files(self) -> dict[str, bytes]:
        return self.reader.files[SLUG]

    @property
    def is_untouched(self) -> bool:
        """True when nothing was written, committed or said."""
        return self.files == self.before and not self.router.commits and not self.render.documents

    @property
    def commits(self) -> list[FakeCommit]:
        return self.router.commits

    @property
    def new_events(self) -> list[Event]:
        """Those that the command wrote."""
        return parse_log(self.files["status.events.jsonl"])[self._told :]

    @property
    def document(self) -> Mapping[str, Any]:
        """The one answer."""
        (document,) = self.render.documents
        return document

    def text(self, path: str) -> str:
        return self.files[path].decode()
