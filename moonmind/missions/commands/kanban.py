"""The board of `moonmind tasks status` for people: lanes side by side, and below them what somebody should know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from moonmind.missions.commands import words
from moonmind.missions.lanes import LANES, Lane
from moonmind.missions.status import StatusReport

_NARROWEST_COLUMN, _WIDEST_COLUMN = 17, 36
_TITLE_LINES = 2
_BAR = 24
_AT_WORK = ("claimed", "in_progress", "for_review", "in_review", "blocked")
"""Lanes where it matters who has the package."""


def board_words(report: StatusReport, title: str, width: int) -> str:
    """All of it; nothing is wider than `width`."""
    parts = [_heading(report, title, width), _kanban(report, width), "\n".join(_remarks(report, width))]
    return "\n\n".join(part for part in parts if part)


def _heading(report: StatusReport, title: str, width: int) -> str:
    name = words.cut(f"{words.plain(title)} · {report.mission_slug}", width)
    if not report.total_wps:
        return f"{name}\n\nno work packages yet: write them into tasks.md, then `moonmind tasks finalize-tasks`"
    filled = round(report.weighted_percentage / 100 * _BAR)
    bar = "█" * filled + "░" * (_BAR - filled)
    done = f"{report.done_count} of {report.total_wps} done ({report.done_percentage:g} %)"
    weighted, progress = f"{report.weighted_percentage:g} %", f"approved or done {report.progress_percentage:g} %"
    return f"{name}\n{bar} {weighted} · {done} · {progress}"


def _kanban(report: StatusReport, width: int) -> str:
    """As many lanes side by side as there is room for; those without packages are left out."""
    filled = [lane for lane in LANES if report.by_lane.get(lane)]
    if not filled:
        return ""
    fitting = (width + len(words.GAP)) // (_NARROWEST_COLUMN + len(words.GAP))
    each = -(-len(filled) // -(-len(filled) // fitting))
    column = min((width + len(words.GAP)) // each - len(words.GAP), _WIDEST_COLUMN)
    rows = (filled[start : start + each] for start in range(0, len(filled), each))
    return "\n\n".join("\n".join(words.beside([_lane(report, lane, column) for lane in row], column)) for row in rows)


def _lane(report: StatusReport, lane: Lane, width: int) -> list[str]:
    cards = [line for row in report.work_packages if row["lane"] == lane for line in _card(row, width)]
    return [f"{lane} {report.by_lane[lane]}", "─" * width, *cards]


def _card(row: Mapping[str, Any], width: int) -> Iterator[str]:
    first, *more = words.fold(f"{row['id']} {words.plain(row['title'])}", width - 2, lines=_TITLE_LINES)
    yield first
    yield from (f"  {line}" for line in more)
    if row["agent"] and row["lane"] in _AT_WORK:
        yield words.cut(f"  @{words.plain(row['agent'])}", width)


def _remarks(report: StatusReport, width: int) -> Iterator[str]:
    """What is ready, what waits for what, and, only where there are some, what went quiet or does not fit."""
    lanes = {row["id"]: row["lane"] for row in report.work_packages}
    known = report.dependency_readiness
    ready = [wp for wp, lane in lanes.items() if lane == "planned" and known[wp]["ready"]]
    yield from _listed("ready", ", ".join(ready), width)
    for wp, lane in lanes.items():
        if lane not in ("approved", "done", "canceled") and not known[wp]["ready"]:
            yield from _listed("waits", f"{wp} for {', '.join(known[wp]['waiting_for'])}", width)
    yield from _warned("stale", report.stale_wps, "in progress, but no event and no commit for long", width)
    yield from _warned("stalled", report.stalled_wps, "for review or in review for long", width)
    yield from _warned("verdict", report.stale_verdicts, "approved or done, but the last verdict rejects", width)


def _warned(label: str, found: Sequence[str], why: str, width: int) -> Iterator[str]:
    if found:
        yield from _listed(label, f"{', '.join(found)} ({why})", width)


def _listed(label: str, text: str, width: int) -> Iterator[str]:
    """The text after its label, on as many lines as it takes."""
    for number, line in enumerate(words.fold(text, width - 9, lines=len(text))):
        yield f"{label if not number else '':9}{line}"
