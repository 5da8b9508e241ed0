"""Files of missions, written by hand: what a person would type and what the design says of each."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.golden.masking import FIXED_DAY, FIXED_IDS

MISSION_ID = f"{FIXED_IDS}{'0' * 20}07"


@dataclass(frozen=True, slots=True)
class Wp:
    """A package: its file, its section of `tasks.md`, and how it came to its lane. `front`: further lines of the file.
    `subtasks`: id → whether the log calls it done."""

    id: str
    name: str
    lane: str = "planned"
    depends: Sequence[str] = ()
    subtasks: dict[str, bool] = field(default_factory=dict)
    branch: str = "work"
    front: Sequence[str] = ()
    body: str = "Read the specification first.\n"
    as_table: bool = False

    @property
    def title(self) -> str:
        return self.name.replace("-", " ").capitalize()

    def file(self) -> str:
        """`tasks/WPxx-name.md`."""
        lines = ["---", f"work_package_id: {self.id}", f"title: {self.title}  # as in tasks.md", *self.front, "---"]
        return "\n".join([*lines, f"# {self.title}", "", self.body])

    def section(self) -> str:
        """Of `tasks.md`."""
        lines = [f"### {self.id}: {self.title}", f"Depends on: {', '.join(self.depends) or 'none'}", ""]
        if self.as_table:
            lines += ["| id | task | status |", "|---|---|---|"]
            lines += [f"| {one} | Do {one} | {'done' if done else 'pending'} |" for one, done in self.subtasks.items()]
        else:
            lines += [f"- [{'x' if done else ' '}] {one} Do {one}" for one, done in self.subtasks.items()]
        return "\n".join([*lines, ""])


def meta(slug: str = "007-night-shift", mission_id: str = MISSION_ID, **changed: Any) -> str:
    """`meta.json`."""
    document = {
        "mission_id": mission_id,
        "slug": slug,
        "title": slug[4:].replace("-", " ").capitalize(),
        "created_at": f"{FIXED_DAY}T08:00:00.000000Z",
        "topology": "single",
        "target_branch": "main",
        "coordination_branch": None,
        "protected_branches": [],
        **changed,
    }
    return json.dumps(document, indent=2) + "\n"


def tasks(packages: Iterable[Wp], title: str = "Night shift") -> str:
    """`tasks.md`, with the first two packages in the first phase and the rest in the second."""
    sections = [one.section() for one in packages]
    phases = ["## Phase 1: Foundation\n", *sections[:2], "## Phase 2: The rest\n", *sections[2:]]
    return "\n".join([f"# Tasks: {title}\n", *phases])


class Log:
    """A log that grows by one event a minute. `base` and `heads`: commits of the branches where the work is."""

    def __init__(self, base: str = "", heads: dict[str, str] | None = None, day: str = FIXED_DAY) -> None:
        self.base, self.heads, self.day = base, heads or {}, day
        self.lines: list[str] = []

    def add(self, wp: str, from_lane: str, to_lane: str, actor: str, **rest: Any) -> None:
        """One event; what is not said is null, or not forced."""
        number = len(self.lines)
        event = {
            "event_id": f"{FIXED_IDS}{number:022d}",
            "at": f"{self.day}T{9 + number // 60:02d}:{number % 60:02d}:00.000000Z",
            "wp_id": wp,
            "from_lane": from_lane,
            "to_lane": to_lane,
            "actor": actor,
            "force": False,
            "reason": None,
            "evidence": None,
            "review_ref": None,
            "review_result": None,
            "execution_mode": "code_change",
            "mission_id": MISSION_ID,
            "mission_slug": "007-night-shift",
            **rest,
        }
        self.lines.append(json.dumps(event, sort_keys=True, separators=(",", ":")))

    def walk(self, wp: str, *lanes: str, branch: str = "work", mode: str = "code_change") -> None:
        """From lane to lane: ann works, rob reviews."""
        for before, after in itertools.pairwise(lanes):
            said = _said(before, after, branch, self.base, self.heads.get(branch))
            self.add(wp, before, after, "rob" if after == "in_review" or before == "in_review" else "ann",
                     execution_mode=mode, **said)  # fmt: skip

    def subtasks(self, wp: str, lane: str, told: dict[str, str]) -> None:
        """An event that moves nothing."""
        self.add(wp, lane, lane, "ann", evidence={"subtasks": told})

    def text(self) -> str:
        """All lines, each ended."""
        return "".join(line + "\n" for line in self.lines)


def _said(before: str, after: str, branch: str, base: str, head: str | None) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if after == "in_progress" and before == "claimed":
        said["evidence"] = {"branch": branch, "base": base}
    if after in ("for_review", "done") and head:
        said["evidence"] = {"commit": head}
    if before == "in_review":
        verdict = {"approved": "approved", "done": "approved", "planned": "rejected", "in_progress": "rejected"}
        cycle = {"cycle": 1} if after in ("planned", "in_progress") else {}
        said["review_result"] = {"verdict": verdict.get(after, "none"), "reviewer": "rob", **cycle}
    return said


def review(verdict: str = "rejected", cycle: int = 1) -> str:
    """`review-cycle-N.md`."""
    front = f"cycle: {cycle}\nverdict: {verdict}\nreviewer: rob\nat: {FIXED_DAY}T09:30:00.000000Z\n"
    return f"---\n{front}---\n\nThe empty line is not handled.\n"
