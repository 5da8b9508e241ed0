"""What becomes known of runs and steps, told to metrics and tracing at once, after it is committed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from moonmind.schemas.workflow_models import RunSnapshot, RunStatus, StepName, TaskState
from moonmind.workflows.orchestrator.metrics import StepOutcome
from moonmind.workflows.orchestrator.repositories import ClaimedRun, NewRun
from moonmind.workflows.orchestrator.run_state import Decision, Event, RollbackDone, StepFailed, task_state
from moonmind.workflows.orchestrator.toolbox import Toolbox
from moonmind.workflows.orchestrator.tracing import Attributes, Span, run_span


@dataclass(frozen=True, slots=True)
class StepEnd:
    """How an attempt ended, as it was recorded; `began` in nanoseconds since 1970."""

    claimed: ClaimedRun
    event: Event
    decision: Decision
    skipped: bool
    began: int
    seconds: float


def run_queued(tools: Toolbox, new: NewRun, began: int) -> None:
    """A run was accepted."""
    tools.metrics.run_queued()
    said: Attributes = {
        "service": new.target_service,
        "kind": new.kind,
        "priority": new.priority,
        "dry_run": new.dry_run,
    }
    if new.retried_from is not None:
        said["retried_from"] = str(new.retried_from)
    tools.tracing.add(Span(new.id, "submit", began, time.time_ns(), said))


def run_ended(tools: Toolbox, run: RunSnapshot, status: RunStatus, seconds: float) -> None:
    """A run is over, after `seconds` of work."""
    tools.metrics.run_ended(status, seconds)
    said: Attributes = {"run_id": str(run.id), "service": run.target_service, "kind": run.kind, "status": status}
    said |= {"priority": run.priority, "dry_run": run.dry_run}
    start, failed = _nanoseconds(run.queued_at), status is not RunStatus.SUCCEEDED
    tools.tracing.add(run_span(run.id, start, time.time_ns(), said, failed=failed))


def step_ended(tools: Toolbox, end: StepEnd) -> None:
    """An attempt was recorded."""
    step = StepName(end.claimed.claim.step)
    outcome = outcome_of(end.event, end.decision)
    tools.metrics.step_ended(step, outcome, end.seconds)
    if end.event == RollbackDone(verified=False):
        tools.metrics.rollback_unverified()
    said: Attributes = {"service": end.claimed.run.target_service, "step": step, "attempt": end.claimed.claim.attempt}
    said |= {"outcome": "skipped" if end.skipped else outcome}
    if (code := _failure_code(end.event, end.decision)) is not None:
        said["failure_code"] = code
    over = end.began + int(end.seconds * 1e9)
    tools.tracing.add(Span(end.claimed.run.id, f"step {step}", end.began, over, said, failed=outcome == "failed"))


def outcome_of(event: Event, decision: Decision) -> StepOutcome:
    """What the attempt counts as: as it is shown."""
    state = task_state(event, decision)
    match state:
        case TaskState.SUCCESS:
            return "succeeded"
        case TaskState.FAILURE:
            return "failed"
        case TaskState.RETRY:
            return "retried"
        case TaskState.PENDING | TaskState.STARTED:
            raise AssertionError(f"{state} is no end")
        case _:
            assert_never(state)


def _failure_code(event: Event, decision: Decision) -> str | None:
    if isinstance(event, StepFailed):
        return event.failure.code
    return decision.failure.code if decision.failure is not None else None


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1e9)
