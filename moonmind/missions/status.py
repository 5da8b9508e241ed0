"""The board: where every package is, how far the mission has come, what waits and what nobody works on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from moonmind.missions.board import Board, Package
from moonmind.missions.documents.tasks_document import Section
from moonmind.missions.lanes import LANES, WEIGHTS, Lane
from moonmind.missions.snapshot import PackageState

FINISHED: tuple[Lane, ...] = ("approved", "done")
"""What others wait for may go on from here."""
UNDER_REVIEW: tuple[Lane, ...] = ("for_review", "in_review")


class StatusReport(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `status`; its fields are the keys of the JSON document. Percentages have one decimal."""

    mission_slug: str
    total_wps: int
    by_lane: Mapping[Lane, int]
    work_packages: Sequence[Mapping[str, Any]]
    progress_percentage: float
    weighted_percentage: float
    done_count: int
    done_percentage: float
    stale_wps: Sequence[str]
    stale_verdicts: Sequence[str]
    stalled_wps: Sequence[str]
    dependency_readiness: Mapping[str, Mapping[str, Any]]

    def document(self) -> dict[str, Any]:
        """The fields by name."""
        return msgspec.structs.asdict(self)


class _Entry(msgspec.Struct, frozen=True):
    """A package: of `tasks.md`, of a file, or of both."""

    wp_id: str
    section: Section | None
    package: Package | None
    state: PackageState

    @property
    def title(self) -> str:
        if self.package:
            return self.package.front.title
        return self.section.title if self.section else self.wp_id

    @property
    def dependencies(self) -> tuple[str, ...]:
        return self.section.dependencies if self.section else ()


def decide_status(
    board: Board, *, now: str, stale_minutes: int, last_commits: Mapping[str, str | None]
) -> StatusReport:
    """`now`: as in events. `last_commits`: by package, the time of the newest commit on its branch."""
    entries = _entries(board)
    by_lane = {lane: sum(entry.state.lane == lane for entry in entries) for lane in LANES}
    long_ago = _minutes_before(now, stale_minutes)
    return StatusReport(
        mission_slug=board.meta.slug,
        total_wps=len(entries),
        by_lane=by_lane,
        work_packages=[_row(board, entry) for entry in entries],
        progress_percentage=_percentage(by_lane, dict.fromkeys(FINISHED, 1.0)),
        weighted_percentage=_percentage(by_lane, WEIGHTS),
        done_count=by_lane["done"],
        done_percentage=_percentage(by_lane, {"done": 1.0}),
        stale_wps=[one.wp_id for one in entries if _is_stale(one.state, last_commits.get(one.wp_id), long_ago)],
        stale_verdicts=[entry.wp_id for entry in entries if _has_stale_verdict(entry.state)],
        stalled_wps=[entry.wp_id for entry in entries if _is_stalled(entry.state, long_ago)],
        dependency_readiness={entry.wp_id: _readiness(board, entry) for entry in entries},
    )


def list_packages(board: Board, lane: Lane | None) -> list[dict[str, Any]]:
    """The rows of `list-tasks`; of one lane, or of all."""
    return [
        {
            "work_package_id": entry.wp_id,
            "title": entry.title,
            "lane": entry.state.lane,
            "path": _path(board, entry),
        }
        for entry in _entries(board)
        if lane in (None, entry.state.lane)
    ]


def _entries(board: Board) -> list[_Entry]:
    """In the order of `tasks.md`; then the files that it does not mention."""
    sections = {section.wp_id: section for section in board.sections}
    return [
        _Entry(wp_id, sections.get(wp_id), board.packages.get(wp_id), board.state_of(wp_id))
        for wp_id in (*sections, *sorted(board.packages.keys() - sections.keys()))
    ]


def _row(board: Board, entry: _Entry) -> dict[str, Any]:
    """`agent`: who holds the package by the log; before anybody does, whom its file names."""
    front = entry.package.front if entry.package else None
    return {
        "id": entry.wp_id,
        "title": entry.title,
        "lane": entry.state.lane,
        "phase": entry.section.phase if entry.section else None,
        "file": _path(board, entry),
        "agent": entry.state.holder or (front.agent if front else None),
        "assignee": front.assignee if front else None,
        "since": entry.state.since,
        "forced": entry.state.forced,
        "dependencies": list(entry.dependencies),
    }


def _path(board: Board, entry: _Entry) -> str | None:
    """Below the repository's top folder; None without a file."""
    return f"specs/{board.meta.slug}/{entry.package.path}" if entry.package else None


def _percentage(by_lane: Mapping[Lane, int], weights: Mapping[Lane, float]) -> float:
    """Of all packages that are not canceled; 0.0 when there are none."""
    counted = sum(by_lane.values()) - by_lane["canceled"]
    reached = sum(by_lane[lane] * weight for lane, weight in weights.items())
    return round(100 * reached / counted, 1) if counted else 0.0


def _readiness(board: Board, entry: _Entry) -> dict[str, Any]:
    waiting_for = [wp_id for wp_id in entry.dependencies if board.state_of(wp_id).lane not in FINISHED]
    return {"ready": not waiting_for, "waiting_for": waiting_for}


def _is_stale(state: PackageState, last_commit: str | None, long_ago: str) -> bool:
    heard_of = max(state.last_event_at or "", last_commit or "")
    return state.lane == "in_progress" and heard_of <= long_ago


def _is_stalled(state: PackageState, long_ago: str) -> bool:
    return state.lane in UNDER_REVIEW and (state.since or "") <= long_ago


def _has_stale_verdict(state: PackageState) -> bool:
    return state.lane in FINISHED and state.review is not None and state.review.verdict == "rejected"


def _minutes_before(now: str, minutes: int) -> str:
    """As text, which sorts as time does: what the log calls a time need not be one in any calendar."""
    try:
        then = datetime.fromisoformat(now) - timedelta(minutes=minutes)
    except OverflowError:
        return ""  # before all times
    return then.isoformat(timespec="microseconds").replace("+00:00", "Z")
