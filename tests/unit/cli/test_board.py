"""The steps of a run as its events tell them."""

from __future__ import annotations

from typing import Any

from moonmind.cli.board import SILENT, Board


def step(name: str, status: str = "pending", attempt: int = 1, **rest: Any) -> dict[str, Any]:
    times = {"started_at": None, "completed_at": None, "message": None}
    return {"name": name, "status": status, "attempt": attempt, **times, **rest}


def began(name: str, attempt: int = 1, at: str = "09:00") -> dict[str, Any]:
    return {"kind": "step_started", "at": at, "payload": {"step": name, "attempt": attempt, "epoch": 1}}


def ended(name: str, state: str, attempt: int = 1, *, skipped: bool = False) -> dict[str, Any]:
    said = {"step": name, "attempt": attempt, "state": state, "message": "so", "skipped": skipped}
    return {"kind": "step_finished", "at": "09:01", "payload": said}


def board(*steps: dict[str, Any]) -> Board:
    return Board({"run_id": "r", "steps": list(steps) or [step("build"), step("verify")]})


def test_a_step_begins_and_ends() -> None:
    here = board()
    assert here.take(began("build")) == step("build", "in_progress", started_at="09:00")
    done = step("build", "succeeded", started_at="09:00", completed_at="09:01", message="so")
    assert here.take(ended("build", "SUCCESS")) == done
    assert here.run["steps"] == [done, step("verify")]


def test_how_an_attempt_ended_is_told_in_the_words_of_the_api() -> None:
    def status(event: dict[str, Any]) -> str:
        return str(board(step("build", "in_progress")).take(event)["status"])  # type: ignore[index]

    assert status(ended("build", "FAILURE")) == "failed"
    assert status(ended("build", "SUCCESS", skipped=True)) == "skipped"
    assert status(ended("build", "RETRY")) == "in_progress"


def test_another_attempt_comes_after_the_one_before_which_fell_silent() -> None:
    here = board(step("build", "in_progress", started_at="08:00"), step("verify"))
    here.take(began("build", 2))
    assert [(s["name"], s["attempt"], s["status"]) for s in here.run["steps"]] == [
        ("build", 1, "failed"),
        ("build", 2, "in_progress"),
        ("verify", 1, "pending"),
    ]
    assert here.run["steps"][0]["message"] == SILENT


def test_a_rollback_is_the_last_step() -> None:
    here = board()
    here.take(began("rollback"))
    assert [s["name"] for s in here.run["steps"]] == ["build", "verify", "rollback"]


def test_other_events_are_about_no_step() -> None:
    here = board()
    before = here.run
    assert here.take({"kind": "cancel_requested", "at": "09:00", "payload": {}}) is None
    assert here.run == before


def test_cleared_it_stands_at_the_beginning_with_what_was_taken_over() -> None:
    taken_over = step("analyze", "skipped", message="taken over")
    later = [step("build", "failed", started_at="1"), step("build", "succeeded", 2), step("rollback", "succeeded")]
    here = board(taken_over, *later, step("verify"))
    here.clear()
    assert here.run["steps"] == [taken_over, step("build"), step("verify")]
