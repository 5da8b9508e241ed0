"""Runs in PostgreSQL: creating, claiming, recording. Each method works inside the caller's transaction.

Whoever changes a run's row also writes its step rows, events and messages: one transaction, so they never disagree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy import Connection, Engine, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError

from api_service.db.models import (
    OrchestratorActionPlan,
    OrchestratorRun,
    OrchestratorRunArtifact,
    SpecWorkflowTaskState,
)
from moonmind.engine.jobs import Claim, StuckJob, Wakeup, payload
from moonmind.engine.repository import JobRepository, add_to_outbox, append_event
from moonmind.schemas.workflow_models import (
    FORWARD_STEPS,
    PRIORITY_LEVELS,
    PRIORITY_NAMES,
    ActionPlan,
    ArtifactInfo,
    Failure,
    Priority,
    RunKind,
    RunSnapshot,
    RunStatus,
    StepName,
    TaskState,
)
from moonmind.workflows.orchestrator.run_state import Decision, steps_from

SUBJECT = "run"
ONE_ACTIVE = "uq_orchestrator_runs_active"
JOBS = JobRepository(OrchestratorRun.__table__)


@dataclass(frozen=True, slots=True)
class NewRun:
    """What POST asks for, checked."""

    id: UUID
    kind: RunKind
    instruction: str
    target_service: str
    requester: str
    priority: Priority
    dry_run: bool
    queue: str
    lock_group: str
    artifact_root: str
    idempotency_key: str | None
    request_digest: str


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A run whose next step is ours to do, with its plan in force."""

    claim: Claim
    run: RunSnapshot
    plan: ActionPlan
    lock_group: str
    interruptions: int
    """How often a worker fell silent in this step; waiting for something is no interruption."""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What one attempt of a step leaves behind."""

    state: TaskState
    message: str | None
    skipped: bool
    artifacts: tuple[ArtifactInfo, ...]
    progress: Mapping[str, Any]
    plan: ActionPlan | None = None
    failure: Failure | None = None
    rollback_verified: bool | None = None
    metrics: Mapping[str, Any] | None = None


def wakeup_for(job: StuckJob) -> Wakeup:
    """The message that resumes a run at its next step."""
    tasks = tuple(f"orchestrator.{step}" for step in steps_from(StepName(job.next_step)))
    return Wakeup(SUBJECT, job.id, job.queue, tasks, payload(job.id, job.epoch))


class RunStore:
    """Opens the transactions in which a `RunRepository` works."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def transaction(self) -> Iterator[RunRepository]:
        """Commits at the end of the block, rolls back when it raises."""
        with self.engine.begin() as connection:
            yield RunRepository(connection)

    def claim(self, run: UUID, epoch: int, step: StepName, *, owner: str, lease: float, task: str) -> ClaimedRun | None:
        """Take a step, in a transaction of its own; None when there is nothing to take now."""
        try:
            with self.transaction() as runs:
                return runs.claim(run, epoch, step, owner=owner, lease=lease, task=task)
        except IntegrityError as error:
            if isinstance(error.orig, UniqueViolation) and error.orig.diag.constraint_name == ONE_ACTIVE:
                return None  # another run of the lock group was claimed in the same instant: this one waits
            raise


class RunRepository:
    """Writes of the run tables on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find_same(self, requester: str, idempotency_key: str) -> tuple[UUID, str] | None:
        """The run that this requester made with this key, with the digest of its request."""
        r = OrchestratorRun
        found = select(r.id, r.request_digest).where(r.requester == requester, r.idempotency_key == idempotency_key)
        row = self._connection.execute(found).one_or_none()
        return (row.id, row.request_digest) if row else None

    def create(self, new: NewRun, plan: ActionPlan) -> bool:
        """Write run, plan, step rows, event and message. False when the idempotency key was used in the meantime."""
        row = {
            "id": new.id,
            "kind": new.kind,
            "instruction": new.instruction,
            "target_service": new.target_service,
            "requester": new.requester,
            "priority": PRIORITY_LEVELS[new.priority],
            "dry_run": new.dry_run,
            "queue": new.queue,
            "lock_group": new.lock_group,
            "artifact_root": new.artifact_root,
            "idempotency_key": new.idempotency_key,
            "request_digest": new.request_digest,
            "status": RunStatus.PENDING,
            "next_step": StepName.ANALYZE,
        }
        created = upsert(OrchestratorRun).values(row).on_conflict_do_nothing().returning(OrchestratorRun.id)
        if self._connection.execute(created).one_or_none() is None:
            return False
        self._add_plan(new.id, plan)
        pending = [{"run_id": new.id, "step": s, "attempt": 1, "state": TaskState.PENDING} for s in FORWARD_STEPS]
        self._connection.execute(insert(SpecWorkflowTaskState), pending)
        self._event(
            new.id, new.requester, "run_created", {"service": new.target_service, "instruction": new.instruction}
        )
        add_to_outbox(self._connection, wakeup_for(StuckJob(new.id, 1, StepName.ANALYZE, new.queue)))
        return True

    def claim(self, run: UUID, epoch: int, step: StepName, *, owner: str, lease: float, task: str) -> ClaimedRun | None:
        """Take a step and open its row; an attempt that a crash left open is closed as failed."""
        row = JOBS.claim(self._connection, run, epoch, step, owner, lease)
        if row is None:
            return None
        attempt: int = row["attempt"]
        interruptions = self._close_left_open(run, step, attempt)
        opened = {"state": TaskState.STARTED, "task_id": task, "started_at": func.now()}
        key = {"run_id": run, "step": step, "attempt": attempt}
        self._connection.execute(
            upsert(SpecWorkflowTaskState)
            .values(**key, **opened)
            .on_conflict_do_update(index_elements=list(key), set_=opened)
        )
        self._event(run, owner, "step_started", {"step": step, "attempt": attempt, "epoch": epoch})
        claim = Claim(run, epoch, step, owner, attempt)
        return ClaimedRun(claim, _snapshot(row), self._plan(row["plan_id"]), row["lock_group"], interruptions)

    def is_cancelled(self, claim: Claim) -> bool:
        """Whether somebody asked to cancel; the row stays locked, so the answer holds until this transaction ends.

        Raises LeaseLostError.
        """
        return JOBS.check(self._connection, claim, lock=True)

    def save_progress(self, claim: Claim, progress: Mapping[str, Any]) -> None:
        """Remember an intent before its effect. Raises LeaseLostError."""
        JOBS.write(self._connection, claim, {"progress": dict(progress)})

    def record(self, claimed: ClaimedRun, decision: Decision, outcome: StepRecord) -> None:
        """Write how an attempt ended and what the run becomes. Raises LeaseLostError, and then nothing was written."""
        claim, run = claimed.claim, claimed.run
        values = _run_values(claim, decision, outcome)
        JOBS.write(self._connection, claim, values)
        self._close(claim, outcome, self._add_artifacts(run.id, outcome.artifacts))
        if outcome.plan is not None:
            self._add_plan(run.id, outcome.plan)
            digest = {"version": outcome.plan.version, "digest": outcome.plan.digest}
            self._event(run.id, claim.owner, "plan_made", digest)
        step = {"step": claim.step, "attempt": claim.attempt, "state": outcome.state, "message": outcome.message}
        self._event(run.id, claim.owner, "step_finished", {**step, "skipped": outcome.skipped})
        if decision.wake and decision.next_step is not None:
            self._wake(StuckJob(run.id, claim.epoch + 1, decision.next_step, self._queue(run.id)))
        if decision.next_step is None:
            self._finish(run.id, claimed.lock_group, claim.owner, decision.status, outcome.failure)

    def request_cancel(self, run: UUID, person: str) -> str | None:
        """Note the wish; the run's status, None when it is over or unknown."""
        status = JOBS.request_cancel(self._connection, run)
        if status is not None:
            self._event(run, person, "cancel_requested", {})
        return status

    def cancel_pending(self, run: UUID, person: str) -> None:
        """End a run that nobody has begun; the caller holds its row."""
        r = OrchestratorRun
        ended = {
            "status": RunStatus.CANCELLED,
            "next_step": None,
            "completed_at": func.now(),
            "failure_code": "cancelled",
            "failure_reason": "cancelled before it began",
        }
        row = self._connection.execute(update(r).where(r.id == run).values(ended).returning(r.lock_group)).one()
        self._finish(
            run, row.lock_group, person, RunStatus.CANCELLED, Failure(code="cancelled", reason="before it began")
        )

    def step_seconds(self, run: UUID) -> dict[str, float]:
        """Seconds that each step took, all attempts together; one that is not recorded yet counts up to now."""
        s = SpecWorkflowTaskState
        spent = func.sum(func.extract("epoch", func.coalesce(s.finished_at, func.now()) - s.started_at))
        rows = self._connection.execute(
            select(s.step, spent).where(s.run_id == run, s.started_at.is_not(None)).group_by(s.step)
        )
        return {step: round(float(seconds), 3) for step, seconds in rows}

    def _finish(self, run: UUID, lock_group: str, actor: str, status: RunStatus, failure: Failure | None) -> None:
        """What the end of a run brings: steps never begun are skipped, an event, and the next of its group is woken."""
        s = SpecWorkflowTaskState
        never_started = update(s).where(s.run_id == run, s.state == TaskState.PENDING).values(skipped=True)
        self._connection.execute(never_started)
        said = failure.model_dump() if failure else None
        self._event(run, actor, "run_finished", {"status": status, "failure": said})
        if waiting := JOBS.next_of_group(self._connection, lock_group):
            self._wake(waiting)

    def _wake(self, job: StuckJob) -> None:
        add_to_outbox(self._connection, wakeup_for(job))

    def _queue(self, run: UUID) -> str:
        return self._connection.execute(select(OrchestratorRun.queue).where(OrchestratorRun.id == run)).scalar_one()

    def _close(self, claim: Claim, outcome: StepRecord, artifacts: Sequence[UUID]) -> None:
        s = SpecWorkflowTaskState
        self._connection.execute(
            update(s)
            .where(s.run_id == claim.id, s.step == claim.step, s.attempt == claim.attempt)
            .values(
                state=outcome.state,
                message=outcome.message,
                skipped=outcome.skipped,
                artifact_ids=[str(number) for number in artifacts],
                finished_at=func.now(),
            )
        )

    def _close_left_open(self, run: UUID, step: StepName, attempt: int) -> int:
        """Close what a silent worker left open; how many attempts of this step ended so."""
        s = SpecWorkflowTaskState
        earlier = (s.run_id == run, s.step == step, s.attempt < attempt)
        silent = {"state": TaskState.FAILURE, "message": "the worker fell silent", "finished_at": func.now()}
        self._connection.execute(update(s).where(*earlier, s.state == TaskState.STARTED).values(silent))
        failed = select(func.count()).select_from(s).where(*earlier, s.state == TaskState.FAILURE)
        return int(self._connection.execute(failed).scalar_one())

    def _add_artifacts(self, run: UUID, artifacts: Sequence[ArtifactInfo]) -> list[UUID]:
        if not artifacts:
            return []
        rows = [{**artifact.model_dump(), "run_id": run} for artifact in artifacts]
        added = upsert(OrchestratorRunArtifact).values(rows)
        newer = {name: added.excluded[name] for name in ("sha256", "size_bytes", "step", "type")}
        written = added.on_conflict_do_update(index_elements=["run_id", "path"], set_=newer)
        return list(self._connection.execute(written.returning(OrchestratorRunArtifact.id)).scalars())

    def _add_plan(self, run: UUID, plan: ActionPlan) -> None:
        body = plan.model_dump(mode="json")
        p = OrchestratorActionPlan
        number = self._connection.execute(insert(p).values(run_id=run, **body).returning(p.id)).scalar_one()
        self._connection.execute(update(OrchestratorRun).where(OrchestratorRun.id == run).values(plan_id=number))

    def _plan(self, number: UUID) -> ActionPlan:
        columns = [getattr(OrchestratorActionPlan, name) for name in ActionPlan.model_fields]
        row = self._connection.execute(select(*columns).where(OrchestratorActionPlan.id == number)).mappings().one()
        return ActionPlan.model_validate(dict(row))

    def _event(self, run: UUID, actor: str, kind: str, body: Mapping[str, Any]) -> None:
        append_event(self._connection, SUBJECT, run, actor=actor, kind=kind, payload=body)


def _run_values(claim: Claim, decision: Decision, outcome: StepRecord) -> dict[str, Any]:
    """The columns of the run's row after this attempt."""
    values: dict[str, Any] = {
        "status": decision.status,
        "next_step": decision.next_step,
        "progress": dict(outcome.progress),
        "lease_owner": None,
        "lease_expires_at": None,
        "woken_at": func.now(),
    }
    if decision.next_step != claim.step:
        values["attempt"] = 0
    if decision.wake:
        values["epoch"] = claim.epoch + 1  # what is left of the old chain finds nothing any more
    if outcome.failure is not None:
        values |= {"failure_code": outcome.failure.code, "failure_reason": outcome.failure.reason}
    if outcome.rollback_verified is not None:
        values["rollback_verified"] = outcome.rollback_verified
    if decision.next_step is None:
        values |= {"holds_lock": False, "completed_at": func.now(), "metrics_snapshot": dict(outcome.metrics or {})}
    return values


def _snapshot(row: Mapping[str, Any]) -> RunSnapshot:
    fields = {name: row[name] for name in RunSnapshot.model_fields}
    return RunSnapshot.model_validate({**fields, "priority": PRIORITY_NAMES[row["priority"]]})
