"""Rows that belong to a run, and its messages. Each works inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from api_service.db.models import (
    OrchestratorActionPlan,
    OrchestratorRun,
    OrchestratorRunArtifact,
    SpecWorkflowTaskState,
)
from moonmind.engine.jobs import StuckJob, Wakeup, payload
from moonmind.engine.repository import add_to_outbox, append_event
from moonmind.schemas.workflow_models import (
    FORWARD_STEPS,
    PRIORITY_NAMES,
    ActionPlan,
    ArtifactInfo,
    RunSnapshot,
    StepName,
    TaskState,
)
from moonmind.workflows.orchestrator.run_state import steps_from

SUBJECT = "run"


def wakeup_for(job: StuckJob) -> Wakeup:
    """The message that resumes a run at its next step."""
    tasks = tuple(f"orchestrator.{step}" for step in steps_from(StepName(job.next_step)))
    return Wakeup(SUBJECT, job.id, job.queue, tasks, payload(job.id, job.epoch))


UNTIDIED = (
    "completed_at IS NOT NULL AND rollback_verified IS DISTINCT FROM false"
    " AND (progress ->> 'restore_point') IS NOT NULL"
)
"""Runs that are over and still keep what their undoing would need. As in the index `ix_orchestrator_runs_untidied`."""

TIDY = "tidy"
"""The task that follows a run's end: what was kept for an undoing is forgotten."""


def tidying_of(run: UUID, epoch: int, queue: str) -> Wakeup:
    """The message that has an ended run tidied up, by a worker that can reach its service."""
    return Wakeup(SUBJECT, run, queue, (f"orchestrator.{TIDY}",), payload(run, epoch))


def ask_for_tidying(connection: Connection, patience: float, limit: int = 100) -> list[Wakeup]:
    """The messages, asked for anew, of runs that ended `patience` seconds ago and were not tidied up since.

    What cannot be tidied up is tried again ever more seldom: after twice the time since the end.
    """
    r = OrchestratorRun
    due = and_(text(UNTIDIED), r.due_at < func.now() - timedelta(seconds=patience))
    untidied = select(r.id).where(due).order_by(r.due_at).limit(limit).with_for_update(skip_locked=True)
    asked = update(r).where(r.id.in_(untidied)).values(due_at=func.now() + (func.now() - r.completed_at))
    rows = connection.execute(asked.returning(r.id, r.epoch, r.queue)).all()
    return [tidying_of(row.id, row.epoch, row.queue) for row in rows]


def wake(connection: Connection, job: StuckJob) -> None:
    """Ask for the message that resumes a run."""
    add_to_outbox(connection, wakeup_for(job))


def add_event(connection: Connection, run: UUID, actor: str, kind: str, body: Mapping[str, Any]) -> None:
    """Add to the run's record; the caller holds the run's row."""
    append_event(connection, SUBJECT, run, actor=actor, kind=kind, payload=body)


def add_plan(connection: Connection, run: UUID, plan: ActionPlan) -> None:
    """A new version of the plan, in force from now on."""
    p = OrchestratorActionPlan
    number = connection.execute(
        insert(p).values(run_id=run, **plan.model_dump(mode="json")).returning(p.id)
    ).scalar_one()
    connection.execute(update(OrchestratorRun).where(OrchestratorRun.id == run).values(plan_id=number))


def plan_of(connection: Connection, number: UUID) -> ActionPlan:
    """A stored plan."""
    columns = [getattr(OrchestratorActionPlan, name) for name in ActionPlan.model_fields]
    row = connection.execute(select(*columns).where(OrchestratorActionPlan.id == number)).mappings().one()
    return ActionPlan.model_validate(dict(row))


def add_artifacts(connection: Connection, run: UUID, artifacts: Sequence[ArtifactInfo]) -> list[UUID]:
    """List files of a run; one that was listed before gets its new size and checksum."""
    if not artifacts:
        return []
    added = upsert(OrchestratorRunArtifact).values([{**artifact.model_dump(), "run_id": run} for artifact in artifacts])
    newer = {name: added.excluded[name] for name in ("sha256", "size_bytes", "step", "type")}
    written = added.on_conflict_do_update(index_elements=["run_id", "path"], set_=newer)
    return list(connection.execute(written.returning(OrchestratorRunArtifact.id)).scalars())


def add_steps(connection: Connection, run: UUID, start: StepName, taken_over: str | None) -> None:
    """A row for each forward step: to be done from `start` on, and before it as `taken_over` says."""
    coming = FORWARD_STEPS[FORWARD_STEPS.index(start) :] if start in FORWARD_STEPS else ()
    rows = [
        {"run_id": run, "step": step, "attempt": 1, "state": TaskState.PENDING, "skipped": False, "message": None}
        if step in coming
        else {
            "run_id": run,
            "step": step,
            "attempt": 1,
            "state": TaskState.SUCCESS,
            "skipped": True,
            "message": taken_over,
        }
        for step in FORWARD_STEPS
    ]
    connection.execute(insert(SpecWorkflowTaskState), rows)


def step_seconds(connection: Connection, run: UUID) -> dict[str, float]:
    """Seconds that each step took, all attempts together; one that is not recorded yet counts up to now."""
    s = SpecWorkflowTaskState
    spent = func.sum(func.extract("epoch", func.coalesce(s.finished_at, func.now()) - s.started_at))
    rows = connection.execute(select(s.step, spent).where(s.run_id == run, s.started_at.is_not(None)).group_by(s.step))
    return {step: round(float(seconds), 3) for step, seconds in rows}


def snapshot(row: Mapping[str, Any]) -> RunSnapshot:
    """A run's row as the use cases see it."""
    fields = {name: row[name] for name in RunSnapshot.model_fields}
    return RunSnapshot.model_validate({**fields, "priority": PRIORITY_NAMES[row["priority"]]})
