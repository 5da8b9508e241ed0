"""Where a retry begins, for every way in which a run can have ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from moonmind.schemas.workflow_models import ActionPlan, FileChange, RunSnapshot, RunStatus, StepName
from moonmind.workflows.orchestrator.resume import EndedRun, NotResumable, Resumption, decide_resumption

OLD = UUID(int=1)
BEFORE, AFTER = {"requirements.txt": "before"}, {"requirements.txt": "after"}
PLAN = ActionPlan(
    version=2,
    steps=(),
    changes=(FileChange(path="requirements.txt", before_sha256="before", after_sha256="after"),),
    digest="d",
)


def ended(status: str, failing: str | None = None, *, verified: bool | None = None, **rest: Any) -> EndedRun:
    run = RunSnapshot(
        id=OLD,
        kind="fix",
        instruction="fix it",
        target_service="shop",
        status=RunStatus(status),
        priority="normal",
        requester="kim",
        dry_run=rest.pop("dry_run", False),
        epoch=1,
        next_step=None,
        start_step=StepName.ANALYZE,
        progress=rest.pop("progress", {}),
        queued_at=datetime.now(UTC),
    )
    return EndedRun(run, PLAN, rest.pop("analyzed", True), StepName(failing) if failing else None, verified)


@pytest.mark.parametrize(
    "run",
    [
        ended("succeeded"),
        ended("failed", "analyze", analyzed=False),
        ended("rolled_back", "verify", verified=True),
        ended("rolled_back", "verify", verified=False),
        ended("cancelled"),
    ],
)
def test_analyze_always_works_and_takes_nothing_over(run: EndedRun) -> None:
    for hashes in (None, {}, BEFORE):
        assert decide_resumption(run, StepName.ANALYZE, hashes) == Resumption(StepName.ANALYZE, False, None, {})


@pytest.mark.parametrize("asked", ["patch", "build", "restart", "verify", None])
def test_an_undone_run_has_its_edits_applied_again_first(asked: str | None) -> None:
    run = ended("rolled_back", "verify", verified=True)
    step = StepName(asked) if asked else None
    assert decide_resumption(run, step, BEFORE) == Resumption(StepName.PATCH, False, PLAN, {})


@pytest.mark.parametrize("asked", ["build", "restart", "verify"])
def test_a_run_that_succeeded_goes_on_from_the_asked_step(asked: str) -> None:
    found = decide_resumption(ended("succeeded"), StepName(asked), AFTER)
    assert found == Resumption(StepName(asked), False, PLAN, {})


@pytest.mark.parametrize(
    ("run", "hashes"),
    [
        (ended("succeeded"), BEFORE),
        (ended("rolled_back", "verify", verified=True), AFTER),
        (ended("failed", "patch"), {"requirements.txt": None}),
    ],
)
def test_changed_inputs_are_refused_by_name(run: EndedRun, hashes: dict[str, str | None]) -> None:
    found = decide_resumption(run, StepName.BUILD, hashes)
    assert isinstance(found, NotResumable)
    assert (found.code, found.files) == ("inputs_changed", ("requirements.txt",))


def test_files_that_cannot_be_seen_from_here_are_left_to_patch() -> None:
    found = decide_resumption(ended("rolled_back", "verify", verified=True), None, None)
    assert isinstance(found, Resumption)


def test_a_dry_run_is_applied() -> None:
    run = ended("succeeded", dry_run=True)
    assert decide_resumption(run, None, BEFORE) == Resumption(StepName.PATCH, False, PLAN, {})
    assert decide_resumption(run, StepName.ANALYZE, BEFORE) == Resumption(StepName.ANALYZE, True, None, {})


def test_an_undoing_that_was_not_verified_is_tried_again_by_default() -> None:
    record = {"existed": True, "before_sha256": "before", "after_sha256": "after"}
    run = ended("rolled_back", "verify", verified=False, progress={"touched": True, "files": {"a": record}})
    found = decide_resumption(run, None, None)
    progress = {"touched": True, "files": {"a": {**record, "kept_by": str(OLD)}}}
    assert found == Resumption(StepName.ROLLBACK, False, PLAN, progress)


@pytest.mark.parametrize(
    ("run", "asked"),
    [
        (ended("succeeded"), "rollback"),
        (ended("rolled_back", "verify", verified=True), "rollback"),
        (ended("failed", "analyze", analyzed=False), "build"),
        (ended("succeeded"), "patch"),
        (ended("succeeded"), None),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_does(run: EndedRun, asked: str | None) -> None:
    found = decide_resumption(run, StepName(asked) if asked else None, AFTER)
    assert isinstance(found, NotResumable)
    assert found.code == "not_resumable"


def test_a_run_that_failed_in_analyze_is_retried_from_there() -> None:
    run = ended("failed", "analyze", analyzed=False)
    assert decide_resumption(run, None, {}) == Resumption(StepName.ANALYZE, False, None, {})
