"""Each step and each attempt of it is a row, and the API shows every one."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from moonmind.schemas.workflow_models import StepName
from tests.support.front import RUNS, Front
from tests.support.house import STEPS


@pytest.fixture
def front(protected: Callable[..., Front]) -> Front:
    return protected(requirement='"none"')


def steps_of(front: Front, run: str) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = front.detail(run)["steps"]
    return shown


def test_a_step_that_was_done_says_when_by_which_task_and_what_it_left(front: Front) -> None:
    run = front.create()
    artifacts = {artifact["artifact_id"] for artifact in front.detail(run)["artifacts"]}
    steps = steps_of(front, run)
    assert [(step["name"], step["attempt"], step["status"]) for step in steps] == [(n, 1, "succeeded") for n in STEPS]
    for step in steps:
        assert step["started_at"] <= step["completed_at"]
        assert (step["worker_task_id"], bool(step["message"])) == ("task", True)
        assert set(step["artifact_refs"]) <= artifacts
    assert {ref for step in steps for ref in step["artifact_refs"]} == artifacts


def test_a_step_that_the_plan_leaves_out_is_skipped_and_says_why(front: Front) -> None:
    steps = steps_of(front, front.create(instruction="restart it"))
    skipped = {step["name"]: step["message"] for step in steps if step["status"] == "skipped"}
    assert set(skipped) == {"patch", "build"}
    assert all(skipped.values())


def test_steps_that_a_failure_kept_from_beginning_are_skipped_without_a_time(front: Front) -> None:
    front.house.runtime.log = "it said nothing of use\n"
    steps = steps_of(front, front.create())
    assert [(step["name"], step["status"]) for step in steps] == [
        ("analyze", "failed"), *((name, "skipped") for name in STEPS[1:]),
    ]  # fmt: skip
    assert all(step["started_at"] is None and step["worker_task_id"] is None for step in steps[1:])
    assert steps[0]["message"]


def test_an_attempt_that_was_interrupted_stays_beside_the_next_one(front: Front) -> None:
    run = front.call("kim", "POST", RUNS, {"instruction": "fix it", "target_service": "shop"}).json()["run_id"]
    store = front.house.tools.store
    assert store.claim(uuid.UUID(run), 1, StepName.ANALYZE, owner="dead", lease=30, task="first")
    front.house.take_messages()
    front.house.lapse()
    assert front.house.reap() == 1
    front.house.deliver()
    analyze = [step for step in steps_of(front, run) if step["name"] == "analyze"]
    assert [(step["attempt"], step["status"], step["worker_task_id"]) for step in analyze] == [
        (1, "failed", "first"), (2, "succeeded", "task"),
    ]  # fmt: skip
    assert analyze[0]["message"] == "the worker fell silent"
    assert all(step["completed_at"] for step in analyze)
    assert front.detail(run)["status"] == "succeeded"


def test_an_undoing_is_a_step_of_its_own_after_those_it_undoes(front: Front) -> None:
    front.house.runtime.works = lambda text: False
    run = front.create()
    steps = steps_of(front, run)
    assert [step["name"] for step in steps] == [*STEPS, "rollback"]
    assert (steps[-2]["status"], steps[-1]["status"]) == ("failed", "succeeded")


def test_a_retry_shows_what_it_took_over(front: Front) -> None:
    front.house.runtime.works = lambda text: False
    old = front.create()
    answer = front.call("kim", "POST", f"{RUNS}/{old}/retry", {"resume_from_step": "patch"})
    front.house.deliver()
    steps = {step["name"]: step for step in steps_of(front, answer.json()["run_id"])}
    assert (steps["analyze"]["status"], steps["analyze"]["message"]) == ("skipped", f"taken over from run {old}")
    assert steps["patch"]["status"] == "succeeded"
