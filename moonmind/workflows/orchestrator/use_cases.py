"""What can be done with runs. Each use case is a sequence of named steps; decisions are pure, effects are adapters'."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from uuid import UUID

from moonmind.engine.events import canonical_json
from moonmind.engine.jobs import LeaseLostError
from moonmind.engine.lease import Heartbeat
from moonmind.schemas.workflow_models import ArtifactType, Failure, Priority, RunStatus, StepName, TaskState
from moonmind.workflows.orchestrator.action_plan import build_plan, kind_of
from moonmind.workflows.orchestrator.attempt import AttemptResult, loose_execute, perform
from moonmind.workflows.orchestrator.ports import StepFailedError
from moonmind.workflows.orchestrator.repositories import JOBS, ClaimedRun, NewRun, StepRecord
from moonmind.workflows.orchestrator.run_state import (
    Decision,
    Event,
    MustWait,
    RollbackDone,
    RunState,
    StepCancelled,
    StepDone,
    StepFailed,
    decide,
)
from moonmind.workflows.orchestrator.toolbox import Toolbox

TIDY_SECONDS = 30.0


class IdempotencyConflictError(Exception):
    """This Idempotency-Key was used before, with another request."""


class RunOverError(Exception):
    """The run has ended, so this cannot be done to it any more."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A checked instruction for one service."""

    instruction: str
    target_service: str
    priority: Priority = "normal"
    dry_run: bool = False
    idempotency_key: str | None = None

    def digest(self) -> str:
        """What makes two requests the same."""
        return hashlib.sha256(canonical_json(asdict(self)).encode()).hexdigest()


def submit_run(tools: Toolbox, request: RunRequest, requester: str, new_id: Callable[[], UUID]) -> UUID:
    """Accept a run: after this returns it will end, whatever breaks. The same key and request give the same run.

    Raises UnknownServiceError, IdempotencyConflictError.
    """
    profile = tools.catalog.get(request.target_service)
    if same := _find_same(tools, request, requester):
        return same
    number = new_id()
    new = NewRun(
        id=number,
        kind=kind_of(request.instruction),
        instruction=request.instruction,
        target_service=request.target_service,
        requester=requester,
        priority=request.priority,
        dry_run=request.dry_run,
        queue=f"{tools.queue}.{profile.host}" if profile.host else tools.queue,
        lock_group=profile.lock_group or request.target_service,
        artifact_root=f"spec_workflows/{number}",
        idempotency_key=request.idempotency_key,
        request_digest=request.digest(),
    )
    with tools.store.transaction() as runs:
        created = runs.create(new, build_plan(request.instruction, request.target_service, profile))
    if not created:  # the same key came twice in the same instant
        same = _find_same(tools, request, requester)
        assert same is not None
        return same
    tools.metrics.run_queued()
    return number


def cancel_run(tools: Toolbox, run: UUID, person: str) -> None:
    """Stop a run: one that has not begun ends at once, one that is on stops its command and undoes what it did.

    Raises RunOverError when there is nothing to cancel any more.
    """
    with tools.store.transaction() as runs:
        status = runs.request_cancel(run, person)
        if status is None:
            raise RunOverError
        if status == RunStatus.PENDING:
            runs.cancel_pending(run, person)


def execute_step(tools: Toolbox, run: UUID, epoch: int, step: StepName, task: str) -> bool:
    """Do one step if it is ours to do now. True when the chain goes on; False when it ends here.

    Safe to call any number of times, from anywhere: what is not claimable is left alone.
    """
    claimed = tools.store.claim(run, epoch, step, owner=tools.owner, lease=tools.lease, task=task)
    if claimed is None:
        return False
    tools.metrics.step_started(step)
    try:
        forward = step is not StepName.ROLLBACK
        with Heartbeat(tools.store.engine, JOBS, claimed.claim, tools.lease, cancellable=forward) as heartbeat:
            began = time.monotonic()
            attempt = perform(tools, claimed, heartbeat)
            failed = isinstance(attempt.event, StepFailed)
            tools.metrics.step_ended(step, succeeded=not failed, seconds=time.monotonic() - began)
            decision = decide(_state(claimed, attempt), attempt.event)
            _record(tools, claimed, decision, attempt)
    except LeaseLostError:
        return False
    if decision.next_step is None:
        _tidy_up(tools, claimed, attempt)
    return decision.chain_goes_on


def _find_same(tools: Toolbox, request: RunRequest, requester: str) -> UUID | None:
    if request.idempotency_key is None:
        return None
    with tools.store.transaction() as runs:
        found = runs.find_same(requester, request.idempotency_key)
    if found is None:
        return None
    if found[1] != request.digest():
        raise IdempotencyConflictError(request.idempotency_key)
    return found[0]


def _state(claimed: ClaimedRun, attempt: AttemptResult) -> RunState:
    return RunState(StepName(claimed.claim.step), touched=attempt.progress.touched, dry_run=claimed.run.dry_run)


def _record(tools: Toolbox, claimed: ClaimedRun, decision: Decision, attempt: AttemptResult) -> None:
    seconds = _step_seconds(tools, claimed) if decision.next_step is None else None
    artifacts = attempt.artifacts
    if seconds is not None:
        content = (canonical_json({"steps": seconds, "total": round(sum(seconds.values()), 3)}) + "\n").encode()
        step = StepName(claimed.claim.step)
        artifacts += (tools.artifacts.put(claimed.run.id, ArtifactType.METRICS, "metrics.json", content, step),)
    outcome = StepRecord(
        state=_task_state(attempt.event),
        message=attempt.message,
        skipped=attempt.skipped,
        artifacts=artifacts,
        progress=asdict(attempt.progress),
        plan=attempt.result.plan if attempt.result else None,
        failure=_failure(attempt.event),
        rollback_verified=attempt.event.verified if isinstance(attempt.event, RollbackDone) else None,
        metrics=seconds,
    )
    with tools.store.transaction() as runs:
        runs.record(claimed, decision, outcome)
    if seconds is not None:
        tools.metrics.run_ended(decision.status, sum(seconds.values()))


def _failure(event: Event) -> Failure | None:
    match event:
        case StepFailed(_, failure):
            return failure
        case StepCancelled():
            return Failure(code="cancelled", reason="somebody asked to cancel")
        case _:
            return None


def _task_state(event: Event) -> TaskState:
    match event:
        case StepDone() | RollbackDone():
            return TaskState.SUCCESS
        case MustWait():
            return TaskState.RETRY
        case StepFailed() | StepCancelled():
            return TaskState.FAILURE


def _step_seconds(tools: Toolbox, claimed: ClaimedRun) -> dict[str, float]:
    with tools.store.transaction() as runs:
        return runs.step_seconds(claimed.run.id)


def _tidy_up(tools: Toolbox, claimed: ClaimedRun, attempt: AttemptResult) -> None:
    """Forget the rollback mark of a run that is over; a failure here leaves a stray mark and nothing worse."""
    if attempt.progress.restore_point is None:
        return
    try:
        runtime = tools.runtime_of(claimed.run.target_service)
        runtime.discard(loose_execute(tools, TIDY_SECONDS), attempt.progress.restore_point)
    except StepFailedError:
        return
