"""Runs in PostgreSQL: creating, claiming, recording, changing. Each method works inside the caller's transaction.

Whoever changes a run's row also writes its step rows, events and messages: one transaction, so they never disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy import Connection, Engine, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from api_service.db.models import OrchestratorRun, SpecWorkflowTaskState
from moonmind.engine.events import Signer
from moonmind.engine.failpoints import hit
from moonmind.engine.jobs import Claim, StuckJob
from moonmind.engine.repository import JobRepository, add_to_outbox
from moonmind.schemas.approvals import ApprovalGate
from moonmind.schemas.workflow_models import (
    PRIORITY_LEVELS,
    ActionPlan,
    ArtifactInfo,
    Priority,
    RunKind,
    RunSnapshot,
    RunStatus,
    StepName,
    TaskState,
)
from moonmind.utils.redaction import Redactor
from moonmind.workflows.orchestrator.approval_rows import ApprovalRepository
from moonmind.workflows.orchestrator.resume import EndedRun
from moonmind.workflows.orchestrator.run_rows import (
    add_artifacts,
    add_event,
    add_plan,
    add_steps,
    plan_of,
    snapshot,
    step_seconds,
    tidying_of,
    wake,
)
from moonmind.workflows.orchestrator.run_state import Decision

ONE_ACTIVE = "uq_orchestrator_runs_active"
JOBS = JobRepository(OrchestratorRun.__table__)
SILENT = "the worker fell silent"


@dataclass(frozen=True, slots=True)
class NewRun:
    """What is asked for, checked. The last part is a retry's: where it starts, and what it takes over."""

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
    plan: ActionPlan
    start_step: StepName = StepName.ANALYZE
    progress: Mapping[str, Any] = field(default_factory=dict)
    retried_from: UUID | None = None
    reason: str | None = None
    artifacts: tuple[ArtifactInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class HeldRun:
    """A run whose row stays as it is until the transaction ends, with its plan in force."""

    run: RunSnapshot
    plan: ActionPlan
    lock_group: str
    queue: str
    is_worked_on: bool

    @property
    def is_waiting(self) -> bool:
        """For people."""
        return self.run.status is RunStatus.AWAITING_APPROVAL


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A run whose next step is ours to do, with its plan in force."""

    claim: Claim
    run: RunSnapshot
    plan: ActionPlan
    lock_group: str
    queue: str
    interruptions: int
    """How often this step came to nothing: a worker fell silent, or an undoing failed. Waiting for an engine or a lock
    does not count."""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What one attempt of a step leaves behind."""

    state: TaskState
    message: str | None
    skipped: bool
    artifacts: tuple[ArtifactInfo, ...]
    progress: Mapping[str, Any]
    plan: ActionPlan | None = None
    rollback_verified: bool | None = None
    interrupted: bool = False


class RunStore:
    """Opens the transactions in which a `RunRepository` works."""

    def __init__(self, engine: Engine, signer: Signer, redactor: Redactor | None = None) -> None:
        self.engine = engine
        self._signer = signer
        self._redactor = redactor or Redactor()

    @contextmanager
    def transaction(self) -> Iterator[RunRepository]:
        """Commits at the end of the block, rolls back when it raises; then does what the block left for afterwards."""
        with self.engine.begin() as connection:
            runs = RunRepository(connection, self._signer, self._redactor)
            yield runs
        for act in runs.afterwards:
            act()

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """For reading only: all rows as they were at one moment."""
        with self.engine.connect() as connection:
            reading = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with reading.begin():
                yield reading

    def claim(self, run: UUID, epoch: int, step: StepName, *, owner: str, lease: float, task: str) -> ClaimedRun | None:
        """Take a step, in a transaction of its own; None when there is nothing to take now."""
        try:
            with self.transaction() as runs:
                claimed = runs.claim(run, epoch, step, owner=owner, lease=lease, task=task)
        except IntegrityError as error:
            if isinstance(error.orig, UniqueViolation) and error.orig.diag.constraint_name == ONE_ACTIVE:
                return None  # another run of the lock group was claimed in the same instant: this one waits
            raise
        hit("claim.after_commit")
        return claimed


class RunRepository:
    """Writes of the run tables on one connection; secrets are masked in what people said and in events, and `signer`
    signs how far each record goes."""

    def __init__(self, connection: Connection, signer: Signer, redactor: Redactor) -> None:
        self._connection = connection
        self._signer = signer
        self._redactor = redactor
        self.afterwards: list[Callable[[], None]] = []
        """What is done once the transaction has committed, and not at all when it does not."""

    @cached_property
    def approvals(self) -> ApprovalRepository:
        """Gates, approvals and tokens, in the same transaction."""
        return ApprovalRepository(self._connection, self._signer, self._redactor)

    def find_same(self, requester: str, idempotency_key: str) -> tuple[UUID, str] | None:
        """The run that this requester made with this key, with the digest of its request."""
        r = OrchestratorRun
        found = select(r.id, r.request_digest).where(r.requester == requester, r.idempotency_key == idempotency_key)
        row = self._connection.execute(found).one_or_none()
        return (row.id, row.request_digest) if row else None

    def create(self, new: NewRun) -> bool:
        """Write run, plan, step rows, event and message. False when the idempotency key was used in the meantime."""
        new = replace(new, instruction=self._redactor.text(new.instruction))
        created = upsert(OrchestratorRun).values(_new_row(new)).on_conflict_do_nothing().returning(OrchestratorRun.id)
        if self._connection.execute(created).one_or_none() is None:
            return False
        add_plan(self._connection, new.id, new.plan)
        add_steps(self._connection, new.id, new.start_step, f"taken over from run {new.retried_from}")
        add_artifacts(self._connection, new.id, new.artifacts)
        said: dict[str, Any] = {"service": new.target_service, "instruction": new.instruction}
        if new.retried_from is not None:
            said |= {"retried_from": str(new.retried_from), "start_step": new.start_step, "reason": new.reason}
        self.add_event(new.id, new.requester, "run_created", said)
        wake(self._connection, StuckJob(new.id, 1, new.start_step, new.queue))
        return True

    def claim(self, run: UUID, epoch: int, step: StepName, *, owner: str, lease: float, task: str) -> ClaimedRun | None:
        """Take a step and open its row; an attempt that a crash left open is closed as failed."""
        row = JOBS.claim(self._connection, run, epoch, step, owner, lease)
        if row is None:
            return None
        attempt: int = row["attempt"]
        self._close_left_open(run)
        interruptions = self._interruptions(run, step, attempt)
        opened = {"state": TaskState.STARTED, "task_id": task, "started_at": func.now()}
        key = {"run_id": run, "step": step, "attempt": attempt}
        self._connection.execute(
            upsert(SpecWorkflowTaskState)
            .values(**key, **opened)
            .on_conflict_do_update(index_elements=list(key), set_=opened)
        )
        self.add_event(run, owner, "step_started", {"step": step, "attempt": attempt, "epoch": epoch})
        claim = Claim(run, epoch, step, owner, attempt)
        plan = plan_of(self._connection, row["plan_id"])
        return ClaimedRun(claim, snapshot(row), plan, row["lock_group"], row["queue"], interruptions)

    def lock(self, run: UUID) -> HeldRun | None:
        """A run as nobody else can change it until this transaction ends; None when there is no such run."""
        row = JOBS.lock(self._connection, run)
        if row is None:
            return None
        plan = plan_of(self._connection, row["plan_id"])
        return HeldRun(snapshot(row), plan, row["lock_group"], row["queue"], row["lease_owner"] is not None)

    def find_ended(self, run: UUID) -> EndedRun | None:
        """What a retry must know of a run; None when there is no such run."""
        r, s = OrchestratorRun, SpecWorkflowTaskState
        row = self._connection.execute(select(r.__table__).where(r.id == run)).mappings().one_or_none()
        if row is None:
            return None
        query = select(s.step, s.state).where(s.run_id == run, ~s.interrupted, s.step != StepName.ROLLBACK)
        steps = self._connection.execute(query.order_by(s.started_at)).all()
        analyzed = (StepName.ANALYZE, TaskState.SUCCESS) in [(step.step, step.state) for step in steps]
        failed = [StepName(step.step) for step in steps if step.state == TaskState.FAILURE]
        if analyzed:  # what a later round's analyze did not repair had failed in the step before it
            failed = [step for step in failed if step is not StepName.ANALYZE]
        return EndedRun(
            run=snapshot(dict(row)),
            plan=plan_of(self._connection, row["plan_id"]),
            analyzed=analyzed,
            failing_step=failed[-1] if failed else None,
            rollback_verified=row["rollback_verified"],
            superseded_by=self.superseded_by(run),
        )

    def unended(self, service: str) -> list[UUID]:
        """The runs of a service that are not over, oldest first."""
        r = OrchestratorRun
        mine = select(r.id).where(r.target_service == service, r.completed_at.is_(None))
        return list(self._connection.execute(mine.order_by(r.queued_at)).scalars())

    def superseded_by(self, run: UUID, *, but: UUID | None = None) -> UUID | None:
        """The newest run of the lock group, `but` not that one, that did something after this one had ended."""
        r, later = OrchestratorRun, aliased(OrchestratorRun)
        query = (
            select(later.id)
            .join(r, r.lock_group == later.lock_group)
            .where(r.id == run, later.id != run, later.id.is_distinct_from(but), later.started_at.is_not(None))
            .where(or_(later.completed_at.is_(None), later.completed_at > r.completed_at))
            .where(later.progress["touched"].as_boolean())
            .order_by(later.started_at.desc())
            .limit(1)
        )
        return self._connection.execute(query).scalar_one_or_none()

    def left_behind(self, run: UUID) -> tuple[str, Mapping[str, str | None]] | None:
        """Service and restore point of a run that is over and not tidied up.

        A rollback that is not verified keeps its restore point, so that it can be taken up again.
        """
        r = OrchestratorRun
        kept = r.progress["restore_point"]
        query = select(r.target_service, kept).where(
            r.id == run, r.completed_at.is_not(None), r.rollback_verified.is_distinct_from(False)
        )
        row = self._connection.execute(query).one_or_none()
        return (row[0], row[1]) if row and row[1] else None

    def forget_restore_point(self, run: UUID) -> None:
        """It is gone."""
        r = OrchestratorRun
        tidied = {"progress": r.progress.op("-")("restore_point")}
        JOBS.change(self._connection, run, tidied)

    def is_cancelled(self, claim: Claim) -> bool:
        """Whether somebody asked to cancel; the row stays locked, so the answer holds until this transaction ends.

        Raises LeaseLostError.
        """
        return JOBS.check(self._connection, claim, lock=True)

    def is_recorded(self, claim: Claim) -> bool:
        """Whether this very attempt was written down: for whoever lost the answer to a commit."""
        s = SpecWorkflowTaskState
        query = select(s.finished_at).where(
            s.run_id == claim.id, s.step == claim.step, s.attempt == claim.attempt, ~s.interrupted
        )
        return self._connection.execute(query).scalar_one_or_none() is not None

    def save_progress(self, claim: Claim, progress: Mapping[str, Any]) -> None:
        """Remember an intent before its effect. Raises LeaseLostError."""
        JOBS.write(self._connection, claim, {"progress": dict(progress)})

    def record(self, claimed: ClaimedRun, decision: Decision, outcome: StepRecord) -> None:
        """Write how an attempt ended and what the run becomes. Raises LeaseLostError, and then nothing was written."""
        claim, run = claimed.claim, claimed.run
        JOBS.write(self._connection, claim, self._outcome(claim, decision, outcome))
        self._close(claim, outcome)
        if outcome.plan is not None:
            add_plan(self._connection, run.id, outcome.plan)
            digest = {"version": outcome.plan.version, "digest": outcome.plan.digest}
            self.add_event(run.id, claim.owner, "plan_made", digest)
        self.add_event(run.id, claim.owner, "step_finished", _ended(claim, outcome))
        held = HeldRun(run, outcome.plan or claimed.plan, claimed.lock_group, claimed.queue, is_worked_on=False)
        self._follow(held, claim.epoch, decision, claim.owner)
        if (
            decision.next_step is None
            and outcome.progress.get("restore_point")
            and outcome.rollback_verified is not False
        ):
            add_to_outbox(self._connection, tidying_of(run.id, claim.epoch, claimed.queue))

    def change(self, held: HeldRun, decision: Decision, actor: str) -> None:
        """Write what becomes of a run that nobody works on."""
        assert not held.is_worked_on
        self._close_left_open(held.run.id)
        values = _values(held.run.epoch, decision)
        if decision.next_step != held.run.next_step:
            values["attempt"] = self._attempts(held.run.id, decision.next_step)
        JOBS.change(self._connection, held.run.id, values)
        self._follow(held, held.run.epoch, decision, actor)

    def request_cancel(self, run: UUID, person: str) -> None:
        """Note the wish: whoever has the run, now or next, stops. The caller holds the run's row."""
        JOBS.change(
            self._connection,
            run,
            {"cancel_requested_at": func.coalesce(OrchestratorRun.cancel_requested_at, func.now())},
        )
        self.add_event(run, person, "cancel_requested", {})

    def add_event(self, run: UUID, actor: str, kind: str, body: Mapping[str, Any]) -> None:
        """Add to the run's record; the caller holds the run's row."""
        add_event(self._connection, self._signer, run, actor, kind, self._redactor.value(body))

    def step_seconds(self, run: UUID) -> dict[str, float]:
        """Seconds that each step took so far."""
        return step_seconds(self._connection, run)

    def _follow(self, held: HeldRun, epoch: int, decision: Decision, actor: str) -> None:
        """What a change brings: an end, or a wait for people; a message; and the lock group's next when it is free."""
        run = held.run.id
        if decision.next_step is None:
            self._finish(run, actor, decision)
        elif decision.status is RunStatus.AWAITING_APPROVAL:
            self._await_approval(held, actor)
        elif decision.wake:
            wake(self._connection, StuckJob(run, epoch + 1, decision.next_step, held.queue))
        if not decision.keeps_lock:
            waiting = JOBS.next_of_group(self._connection, held.lock_group)
            if waiting is not None and waiting.id != run:
                wake(self._connection, waiting)

    def _finish(self, run: UUID, actor: str, decision: Decision) -> None:
        """Steps never begun are skipped, and the end is an event."""
        s = SpecWorkflowTaskState
        never_started = update(s).where(s.run_id == run, s.state == TaskState.PENDING).values(skipped=True)
        self._connection.execute(never_started)
        JOBS.change(self._connection, run, {"metrics_snapshot": self.step_seconds(run)})
        said = decision.failure.model_dump() if decision.failure else None
        self.add_event(run, actor, "run_finished", {"status": decision.status, "failure": said})

    def _await_approval(self, held: HeldRun, actor: str) -> None:
        """Say which gate the run waits at, and until when."""
        stored = self.approvals.gate(held.run.target_service)
        assert stored is not None  # the verdict came from it
        number, gate, _ = stored
        until = func.clock_timestamp() + timedelta(minutes=gate.valid_minutes)
        values = {"approval_gate_id": number, "approval_expires_at": until, "due_at": until}
        JOBS.change(self._connection, held.run.id, values)
        self.add_event(held.run.id, actor, "approval_needed", _asked(gate, held.plan.digest))

    def _close(self, claim: Claim, outcome: StepRecord) -> None:
        s = SpecWorkflowTaskState
        artifacts = add_artifacts(self._connection, claim.id, outcome.artifacts)
        self._connection.execute(
            update(s)
            .where(s.run_id == claim.id, s.step == claim.step, s.attempt == claim.attempt)
            .values(
                state=outcome.state,
                message=outcome.message,
                skipped=outcome.skipped,
                interrupted=outcome.interrupted,
                artifact_ids=[str(number) for number in artifacts],
                finished_at=func.now(),
            )
        )

    def _close_left_open(self, run: UUID) -> None:
        """Close what a silent worker left open. The caller holds the run's row, and nobody works on the run."""
        s = SpecWorkflowTaskState
        silent = {"state": TaskState.FAILURE, "message": SILENT, "interrupted": True, "finished_at": func.now()}
        self._connection.execute(update(s).where(s.run_id == run, s.state == TaskState.STARTED).values(silent))

    def _interruptions(self, run: UUID, step: StepName, attempt: int) -> int:
        """How many earlier attempts of this step came to nothing."""
        s = SpecWorkflowTaskState
        interrupted = select(func.count()).where(s.run_id == run, s.step == step, s.attempt < attempt, s.interrupted)
        return int(self._connection.execute(interrupted).scalar_one())

    def _outcome(self, claim: Claim, decision: Decision, outcome: StepRecord) -> dict[str, Any]:
        """The columns of the run's row after an attempt."""
        values = _values(claim.epoch, decision)
        values |= {"progress": dict(outcome.progress), "lease_owner": None, "lease_expires_at": None}
        if decision.next_step != claim.step:
            values["attempt"] = self._attempts(claim.id, decision.next_step)
        if outcome.rollback_verified is not None:
            values["rollback_verified"] = outcome.rollback_verified
        return values

    def _attempts(self, run: UUID, step: StepName | None) -> Any:
        """How often a step was begun before, in SQL: a number that no later round uses again."""
        s = SpecWorkflowTaskState
        begun = select(func.coalesce(func.max(s.attempt), 0)).where(
            s.run_id == run, s.step == step, s.started_at.is_not(None)
        )
        return begun.scalar_subquery()


def _new_row(new: NewRun) -> dict[str, Any]:
    return {
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
        "next_step": new.start_step,
        "start_step": new.start_step,
        "progress": dict(new.progress),
        "retried_from": new.retried_from,
    }


def _values(epoch: int, decision: Decision) -> dict[str, Any]:
    """The columns that a decision changes, whoever made it."""
    values: dict[str, Any] = {"status": decision.status, "next_step": decision.next_step, "due_at": func.now()}
    if not decision.chain_goes_on:
        values["epoch"] = epoch + (1 if decision.wake else 0)  # what is left of the old chain finds nothing any more
    if not decision.keeps_lock:
        values["holds_lock"] = False
    if decision.approval is not None:
        values["approval_status"] = decision.approval
    if decision.replans:
        values["approval_expires_at"] = None  # what was asked before was about another plan
    if decision.failure is not None:
        values |= {"failure_code": decision.failure.code, "failure_reason": decision.failure.reason}
    if decision.next_step is None:
        values["completed_at"] = func.now()
    return values


def _ended(claim: Claim, outcome: StepRecord) -> dict[str, Any]:
    """How an attempt ended, as the record keeps it; of an undoing also whether all is back."""
    said = {"step": claim.step, "attempt": claim.attempt, "state": outcome.state, "message": outcome.message}
    verified = {} if outcome.rollback_verified is None else {"rollback_verified": outcome.rollback_verified}
    return {**said, "skipped": outcome.skipped, **verified}


def _asked(gate: ApprovalGate, plan_digest: str) -> dict[str, Any]:
    """What people are asked for, as the record keeps it."""
    return {**gate.model_dump(mode="json"), "plan_digest": plan_digest}
