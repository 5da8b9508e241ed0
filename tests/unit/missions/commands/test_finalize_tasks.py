"""`finalize-tasks`: one decision for what would be written and what is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from moonmind.missions import finalize
from moonmind.missions.commands.finalize_tasks import _do_finalize_tasks
from moonmind.missions.errors import REFUSED, MissionError, Refusal
from moonmind.missions.finalize import FinalizePlan
from tests.unit.missions.commands.desk import PACKAGES, PARSER, REPORT, Desk, walk

MAPPED = {PARSER: PACKAGES[PARSER].replace("title", "requirement_refs: [FR-1, FR-2]\ntitle")}


def finalized(desk: Desk, *, validate_only: bool = False) -> Mapping[str, Any]:
    _do_finalize_tasks(validate_only=validate_only, mission=None, as_json=True, ports=desk.ports)
    return desk.render.documents[-1]


def test_dependencies_and_subtasks_are_copied_into_the_files_and_nothing_is_committed() -> None:
    desk = Desk(files=MAPPED)
    assert finalized(desk) == {
        "result": "finalized",
        "updated_wp_count": 2,
        "modified_wps": ["WP01", "WP02"],
        "unchanged_wps": [],
        "preserved_wps": [],
        "dependencies": {"WP01": [], "WP02": ["WP01"]},
    }
    assert "title: Parser  # as agreed" in desk.text(PARSER)
    assert "T002" in desk.text(PARSER)
    assert "WP01" in desk.text(REPORT).partition("dependencies:")[2]
    assert {commit.branch for commit in desk.commits} == {None}


def test_doing_it_twice_changes_nothing() -> None:
    desk = Desk(files=MAPPED)
    finalized(desk)
    after_once = dict(desk.files)
    again = finalized(desk)
    assert (again["result"], again["modified_wps"], again["unchanged_wps"]) == ("unchanged", [], ["WP01", "WP02"])
    assert desk.files == after_once
    assert len(desk.commits) == 1


def test_validate_only_says_the_same_and_writes_nothing() -> None:
    desk = Desk(*walk("planned", "claimed"), files=MAPPED)
    assert finalized(desk, validate_only=True) == {
        "validation_passed": True,
        "would_modify": ["WP02"],
        "would_preserve": ["WP01"],
        "unchanged": [],
    }
    assert desk.files == desk.before
    assert not desk.commits
    did = finalized(desk)
    assert (did["modified_wps"], did["preserved_wps"]) == (["WP02"], ["WP01"])


@pytest.mark.parametrize("validate_only", [True, False])
def test_a_refusal_of_the_core_is_told_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, validate_only: bool
) -> None:
    monkeypatch.setattr(finalize, "decide_finalize", lambda board, known: Refusal("Sentinel", "because", {"x": 1}))
    desk = Desk()
    with pytest.raises(MissionError, match="because") as caught:
        finalized(desk, validate_only=validate_only)
    assert (caught.value.code, caught.value.exit_code, caught.value.details) == ("Sentinel", REFUSED, {"x": 1})
    assert desk.is_untouched


def test_just_what_the_core_says_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = FinalizePlan(
        modified={"WP02": {"subtasks": ["T777"]}}, unchanged=(), preserved=("WP01",), dependencies={"WP02": ("WP01",)}
    )
    monkeypatch.setattr(finalize, "decide_finalize", lambda board, known: plan)
    desk = Desk()
    assert finalized(desk)["modified_wps"] == ["WP02"]
    assert desk.files[PARSER] == desk.before[PARSER]
    assert "T777" in desk.text(REPORT)


def test_the_core_is_asked_with_the_specifications_requirements(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def decide(board: object, known: object) -> Refusal:
        asked.append(known)
        return Refusal("Sentinel", "because")

    monkeypatch.setattr(finalize, "decide_finalize", decide)
    with pytest.raises(MissionError):
        finalized(Desk())
    assert asked == [("FR-1", "FR-2", "NFR-1", "C-1")]


def test_people_are_told_what_changed_and_what_was_left_alone() -> None:
    desk = Desk(*walk("planned", "claimed"), files=MAPPED)
    finalized(desk, validate_only=True)
    finalized(desk)
    assert desk.render.words == [
        "tasks.md is in order\nwould change: WP02\nleft alone, because it has left `planned`: WP01",
        "tasks.md is in order\nchanged: WP02\nleft alone, because it has left `planned`: WP01",
    ]
