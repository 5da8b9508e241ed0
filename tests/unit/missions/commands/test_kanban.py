"""The board for people."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from moonmind.missions.commands import words
from moonmind.missions.commands.kanban import board_words
from moonmind.missions.lanes import LANES
from moonmind.missions.status import StatusReport


def card(wp_id: str, lane: str, title: str = "Do it", agent: str | None = None) -> dict[str, Any]:
    return {"id": wp_id, "title": title, "lane": lane, "agent": agent}


def report(*cards: dict[str, Any], waits: dict[str, list[str]] | None = None, **rest: Any) -> StatusReport:
    counts = Counter(one["lane"] for one in cards)
    waiting = {one["id"]: (waits or {}).get(one["id"], []) for one in cards}
    shown: dict[str, Any] = {
        "mission_slug": "007-night-shift",
        "total_wps": len(cards),
        "by_lane": {lane: counts[lane] for lane in LANES},
        "work_packages": cards,
        "progress_percentage": 50.0,
        "weighted_percentage": 62.5,
        "done_count": counts["done"],
        "done_percentage": 33.3,
        "stale_wps": [],
        "stale_verdicts": [],
        "stalled_wps": [],
        "dependency_readiness": {wp: {"ready": not names, "waiting_for": names} for wp, names in waiting.items()},
    }
    return StatusReport(**shown | rest)


SOME = report(
    card("WP01", "done", "Parser"),
    card("WP02", "in_progress", "Report a broken line with its number", agent="kim"),
    card("WP03", "planned", "Table"),
    card("WP04", "planned", "Docs", agent="ann"),
    waits={"WP04": ["WP02", "WP03"]},
)

BOARD = """\
Night shift · 007-night-shift
███████████████░░░░░░░░░ 62.5 % · 1 of 4 done (33.3 %) · approved or done 50 %

planned 2                   in_progress 1               done 1
──────────────────────────  ──────────────────────────  ──────────────────────────
WP03 Table                  WP02 Report a broken        WP01 Parser
WP04 Docs                     line with its number
                              @kim

ready    WP03
waits    WP04 for WP02, WP03"""


def test_lanes_stand_side_by_side_over_what_is_ready_and_what_waits() -> None:
    assert board_words(SOME, "Night shift", 82) == BOARD


def every_lane() -> StatusReport:
    cards = [card(f"WP{number:02}", lane, "夜勤の報告 " * 20, "x" * 90) for number, lane in enumerate(LANES, 1)]
    waits = {"WP01": [f"WP{number:02}" for number in range(2, 60)]}
    return report(*cards, waits=waits, stale_wps=["WP03"] * 40)


@pytest.mark.parametrize("width", [80, 100, 120])
def test_nothing_is_wider_than_the_screen(width: int) -> None:
    lines = board_words(every_lane(), "A title " * 40, width).splitlines()
    assert max(map(words.width_of, lines)) <= width
    assert all(any(f"{lane} 1" in line for line in lines) for lane in LANES)


def test_few_lanes_are_not_stretched_over_a_wide_screen() -> None:
    assert "─" * 36 in board_words(report(card("WP01", "done")), "x", 120)
    assert "─" * 37 not in board_words(report(card("WP01", "done")), "x", 120)


def test_many_lanes_take_rows_of_the_same_width() -> None:
    rules = [line for line in board_words(every_lane(), "x", 80).splitlines() if line.startswith("─")]
    assert [line.count("  ") + 1 for line in rules] == [3, 3, 3]


def test_what_is_quiet_or_does_not_fit_is_told_only_where_there_is_some() -> None:
    assert "stale" not in board_words(SOME, "x", 80)
    loud = report(
        card("WP01", "done"), card("WP02", "in_progress"), card("WP03", "for_review"),
        stale_wps=["WP02"], stalled_wps=["WP03"], stale_verdicts=["WP01"],
    )  # fmt: skip
    assert board_words(loud, "x", 120).splitlines()[-3:] == [
        "stale    WP02 (in progress, but no event and no commit for long)",
        "stalled  WP03 (for review or in review for long)",
        "verdict  WP01 (approved or done, but the last verdict rejects)",
    ]


def test_who_has_a_package_is_told_while_it_is_worked_on() -> None:
    drawn = board_words(report(card("WP01", "done", agent="kim"), card("WP02", "in_review", agent="ann")), "x", 80)
    assert "@ann" in drawn
    assert "@kim" not in drawn


def test_a_board_without_packages_says_how_it_gets_some() -> None:
    assert board_words(report(), "Night shift", 80) == (
        "Night shift · 007-night-shift\n\n"
        "no work packages yet: write them into tasks.md, then `moonmind tasks finalize-tasks`"
    )


def test_titles_cannot_steer_the_terminal() -> None:
    assert "\u001b" not in board_words(report(card("WP01", "planned", "\u001b[31mred")), "\u001b[31m", 80)
