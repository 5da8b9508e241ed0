"""What can be done with runs. Each use case is a sequence of named steps; decisions are pure, effects are adapters'."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from uuid import UUID

from moonmind.engine.events import canonical_json
from moonmind.engine.jobs import LeaseLostError
from moonmind.engine.lease import Heartbeat
from moonmind.schemas.workflow_models import (
    ArtifactInfo,
    ArtifactType,
    Failure,
    Priority,
    RunStatus,
    StepName,
    TaskState,
)
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
        said = {item.name: getattr(self, item.name) for item in fields(self)}
        told = {item.name for item in fields(self) if said[item.name] != item.default}  # a later field changes nothing
        return hashlib.sha256(canonical_json({name: said[name] for name in told}).encode()).hexdigest()


def submit_run(tools: Toolbox, request: RunRequest, requester: str, new_id: Callable[[], UUID]) -> UUID:
    """Accept a run: after this returns it will end, whatever breaks. The same key and request give the same run.

    Raises UnknownServiceError, IdempotencyConflictError.
    """
    if same := _find_same(tools, request, requester):
        return same
    profile = tools.catalog.get(request.target_service)
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
            seconds = time.monotonic() - began
            event, decision = _record(tools, claimed, attempt)
    except LeaseLostError:
        return False
    tools.metrics.step_ended(step, succeeded=isinstance(event, StepDone), seconds=seconds)
    if decision.next_step is None:
        tools.metrics.run_ended(decision.status, _run_seconds(tools, claimed))
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


def _record(tools: Toolbox, claimed: ClaimedRun, attempt: AttemptResult) -> tuple[Event, Decision]:
    """Decide on the locked row, where a wish to cancel is either seen or too late, and write it all at once."""
    step = StepName(claimed.claim.step)
    state = RunState(step, touched=attempt.progress.touched, dry_run=claimed.run.dry_run)
    with tools.store.transaction() as runs:
        cancelled = runs.is_cancelled(claimed.claim)
        event = StepCancelled(step) if cancelled and isinstance(attempt.event, StepDone) else attempt.event
        decision = decide(state, event)
        ends = decision.next_step is None
        seconds = runs.step_seconds(claimed.run.id) if ends else None
        metrics = _keep_metrics(tools, claimed, seconds) if seconds is not None else ()
        runs.record(claimed, decision, _step_record(attempt, event, (*attempt.artifacts, *metrics), seconds))
    return event, decision


def _step_record(
    attempt: AttemptResult, event: Event, artifacts: tuple[ArtifactInfo, ...], seconds: Mapping[str, float] | None
) -> StepRecord:
    return StepRecord(
        state=_task_state(event),
        message=attempt.message,
        skipped=attempt.skipped,
        artifacts=artifacts,
        progress=asdict(attempt.progress),
        plan=attempt.result.plan if attempt.result else None,
        failure=_failure(event),
        rollback_verified=event.verified if isinstance(event, RollbackDone) else None,
        metrics=seconds,
    )


def _keep_metrics(tools: Toolbox, claimed: ClaimedRun, seconds: Mapping[str, float]) -> tuple[ArtifactInfo, ...]:
    """`metrics.json`, if the disk takes it: no run fails for want of its metrics, which the row holds as well."""
    content = (canonical_json({"steps": dict(seconds), "total": round(sum(seconds.values()), 3)}) + "\n").encode()
    step = StepName(claimed.claim.step)
    try:
        return (tools.artifacts.put(claimed.run.id, ArtifactType.METRICS, "metrics.json", content, step),)
    except OSError:
        return ()


def _run_seconds(tools: Toolbox, claimed: ClaimedRun) -> float:
    with tools.store.transaction() as runs:
        return sum(runs.step_seconds(claimed.run.id).values())


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


def _tidy_up(tools: Toolbox, claimed: ClaimedRun, attempt: AttemptResult) -> None:
    """Forget the rollback mark of a run that is over; a failure here leaves a stray mark and nothing worse."""
    if attempt.progress.restore_point is None:
        return
    try:
        runtime = tools.runtime_of(claimed.run.target_service)
        runtime.discard(loose_execute(tools, TIDY_SECONDS), attempt.progress.restore_point)
    except StepFailedError:
        return
