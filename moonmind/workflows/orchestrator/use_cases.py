"""What can be done with runs. Each use case is a sequence of named steps; decisions are pure, effects are adapters'."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from moonmind.engine.events import canonical_json
from moonmind.engine.failpoints import hit
from moonmind.engine.insist import insist
from moonmind.engine.jobs import LeaseLostError
from moonmind.engine.lease import Heartbeat
from moonmind.schemas.service_profile import ServiceProfile
from moonmind.schemas.workflow_models import (
    ActionPlan,
    ArtifactInfo,
    ArtifactType,
    Priority,
    RunStatus,
    StepName,
)
from moonmind.utils.log_context import log_context
from moonmind.workflows.orchestrator.action_plan import build_plan, is_skipped, kind_of
from moonmind.workflows.orchestrator.approvals import ApprovalToken, stand_on_token
from moonmind.workflows.orchestrator.attempt import AttemptResult, log_name, loose_execute, perform, read_progress
from moonmind.workflows.orchestrator.gates import Verdict
from moonmind.workflows.orchestrator.ports import StepFailedError
from moonmind.workflows.orchestrator.repositories import JOBS, ClaimedRun, NewRun, RunRepository, StepRecord
from moonmind.workflows.orchestrator.run_rows import TIDY
from moonmind.workflows.orchestrator.run_state import (
    CancelAsked,
    Decision,
    Event,
    GateShut,
    MustWait,
    RollbackDone,
    RunState,
    StepCancelled,
    StepDone,
    StepFailed,
    decide,
    step_after,
    task_state,
)
from moonmind.workflows.orchestrator.service_profiles import UnknownServiceError
from moonmind.workflows.orchestrator.steps.context import Progress, Setback
from moonmind.workflows.orchestrator.telemetry import StepEnd, run_ended, run_queued, step_ended
from moonmind.workflows.orchestrator.toolbox import Toolbox

log = logging.getLogger(__name__)

TIDY_SECONDS = 30.0


class IdempotencyConflictError(Exception):
    """This Idempotency-Key was used before, with another request."""


class RunOverError(Exception):
    """The run has ended, so this cannot be done to it any more."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A checked instruction for one service. `approval_token`: of a dry run, `None` or what its signature held."""

    instruction: str
    target_service: str
    priority: Priority = "normal"
    dry_run: bool = False
    idempotency_key: str | None = None
    approval_token: ApprovalToken | None = None
    retried_from: UUID | None = None
    resume_from_step: StepName | None = None
    reason: str | None = None

    def digest(self) -> str:
        """What makes two requests the same."""
        said = {item.name: getattr(self, item.name) for item in fields(self)}
        told = {item.name for item in fields(self) if said[item.name] != item.default}  # a later field changes nothing
        plain = {name: said[name] if isinstance(said[name], str | bool) else str(said[name]) for name in told}
        return hashlib.sha256(canonical_json(plain).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a new run begins with: all of it, or what a retry takes over."""

    plan: ActionPlan
    dry_run: bool
    start: StepName = StepName.ANALYZE
    progress: Mapping[str, Any] = field(default_factory=dict)
    artifacts: tuple[ArtifactInfo, ...] = ()


def begin_anew(tools: Toolbox, request: RunRequest, *, dry_run: bool) -> Beginning:
    """From analyze, with nothing taken over. Raises UnknownServiceError."""
    profile = tools.catalog.get(request.target_service)
    return Beginning(build_plan(request.instruction, request.target_service, profile), dry_run)


def submit_run(
    tools: Toolbox,
    request: RunRequest,
    requester: str,
    new_id: Callable[[], UUID],
    begin: Callable[[UUID], Beginning] | None = None,
) -> UUID:
    """Accept a run: after this returns it will end, whatever breaks. The same key and request give the same run.

    `begin` says what a retry takes over. Raises UnknownServiceError, IdempotencyConflictError, ApprovalRefusedError.
    """
    began = time.time_ns()
    if same := _find_same(tools, request, requester):
        return same
    profile = tools.catalog.get(request.target_service)
    number = new_id()
    beginning = begin(number) if begin else begin_anew(tools, request, dry_run=request.dry_run)
    new = _new_run(tools, number, request, requester, profile, beginning)
    if not _create(tools, new, request):  # the same key came twice in the same instant
        same = _find_same(tools, request, requester)
        assert same is not None
        return same
    hit("submit.after_commit")
    run_queued(tools, new, began)
    return number


def _new_run(
    tools: Toolbox, number: UUID, request: RunRequest, requester: str, profile: ServiceProfile, beginning: Beginning
) -> NewRun:
    return NewRun(
        id=number,
        kind=kind_of(request.instruction),
        instruction=request.instruction,
        target_service=request.target_service,
        requester=requester,
        priority=request.priority,
        dry_run=beginning.dry_run,
        queue=f"{tools.queue}.{profile.host}" if profile.host else tools.queue,
        lock_group=profile.lock_group or request.target_service,
        artifact_root=f"spec_workflows/{number}",
        idempotency_key=request.idempotency_key,
        request_digest=request.digest(),
        plan=beginning.plan,
        start_step=beginning.start,
        progress=beginning.progress,
        retried_from=request.retried_from,
        reason=request.reason,
        artifacts=beginning.artifacts,
    )


def cancel_run(tools: Toolbox, run: UUID, person: str) -> None:
    """Stop a run: where nobody works on it, it ends or is undone at once; otherwise its command is stopped first.

    Raises RunOverError when there is nothing to cancel any more.
    """
    with tools.store.transaction() as runs:
        held = runs.lock(run)
        if held is None or held.run.status.is_terminal:
            raise RunOverError
        runs.request_cancel(run, person)
        step, progress = held.run.next_step, read_progress(held.run.progress)
        assert step is not None
        began = held.run.status is not RunStatus.PENDING  # a retry's progress is its predecessor's until it begins
        can_be_stopped = not began or (step is not StepName.ROLLBACK and not progress.delivering)
        if can_be_stopped and not held.is_worked_on:
            decision = decide(RunState(step, touched=began and progress.touched), CancelAsked())
            if held.is_waiting:
                decision = replace(decision, approval="expired")  # nobody is asked any more
            runs.change(held, decision, person)
            if decision.next_step is None:
                seconds = sum(runs.step_seconds(run).values())
                runs.afterwards.append(lambda: run_ended(tools, held.run, decision.status, seconds))


def execute_step(tools: Toolbox, run: UUID, epoch: int, step: StepName, task: str) -> bool:
    """Do one step if it is ours to do now. True when the chain goes on; False when it ends here.

    Safe to call any number of times, from anywhere: what is not claimable is left alone.
    """
    claimed = tools.store.claim(run, epoch, step, owner=tools.owner, lease=tools.lease, task=task)
    if claimed is None:
        return False
    with log_context(run_id=str(run), step=step, attempt=claimed.claim.attempt):
        return _execute(tools, claimed)


def _execute(tools: Toolbox, claimed: ClaimedRun) -> bool:
    """One attempt of a claimed step, and what is told about it. True when the chain goes on."""
    step = StepName(claimed.claim.step)
    tools.metrics.step_started(step)
    started = time.time_ns()
    try:
        stoppable = step is not StepName.ROLLBACK and not read_progress(claimed.run.progress).delivering
        with Heartbeat(tools.store.engine, JOBS, claimed.claim, tools.lease, cancellable=stoppable) as heartbeat:
            began = time.monotonic()
            attempt = perform(tools, claimed, heartbeat)
            seconds = time.monotonic() - began
            outcome = _record(tools, claimed, attempt, heartbeat)
    except LeaseLostError:
        log.warning("lost the lease of run %s in %s: what was done is not recorded", claimed.run.id, step)
        return False
    decision = outcome.decision
    step_ended(tools, StepEnd(claimed, outcome.event, decision, attempt.skipped, started, seconds))
    log.info("%s of run %s: %s; the run is %s", step, claimed.run.id, type(outcome.event).__name__, decision.status)
    if decision.next_step is None:
        run_ended(tools, claimed.run, decision.status, sum(outcome.seconds.values()))
    return decision.chain_goes_on


def _create(tools: Toolbox, new: NewRun, request: RunRequest) -> bool:
    """All of a new run in one transaction, with the approvals that it begins with."""
    with tools.store.transaction() as runs:
        if not runs.create(new):
            return False
        if new.retried_from is not None:
            _take_approvals_over(runs, new, new.retried_from)
        if request.approval_token is not None:
            stand_on_token(runs, new, request.approval_token)
        return True


def _take_approvals_over(runs: RunRepository, new: NewRun, old: UUID) -> None:
    """What people said about the same plan counts for the new run, and its record says from where it has that."""
    for approval in runs.approvals.take_over(old, new.id, new.plan.digest):
        said = {"role": approval["role"], "plan_digest": approval["plan_digest"], "run": str(old)}
        runs.add_event(new.id, approval["approver"], "approval_taken_over", said)


def tidy_up(tools: Toolbox, run: UUID) -> None:
    """Forget what was kept for undoing a run that is over. May be repeated; what cannot be removed costs disk space."""
    with tools.store.transaction() as runs:
        found = runs.left_behind(run)
    if found is None:
        return
    service, point = found
    try:
        tools.runtime_of(service).discard(loose_execute(tools, TIDY_SECONDS), point)
    except (StepFailedError, UnknownServiceError) as error:
        log.warning("run %s: what was kept for its undoing stays: %s", run, error)
        return
    with tools.store.transaction() as runs:
        runs.forget_restore_point(run)


def do_task(tools: Toolbox, name: str, run: UUID, epoch: int, task: str) -> bool:
    """What a message asks for, by the last part of its name. True when its chain goes on."""
    if name == TIDY:
        with log_context(run_id=str(run)):
            tidy_up(tools, run)
        return False
    return execute_step(tools, run, epoch, StepName(name), task)


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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was recorded of an attempt. `seconds` of each step of a run that has ended, else empty."""

    event: Event
    decision: Decision
    seconds: Mapping[str, float]


def _record(tools: Toolbox, claimed: ClaimedRun, attempt: AttemptResult, heartbeat: Heartbeat) -> Outcome:
    """Write how the attempt ended, however often the database goes away meanwhile: once, and no more than once."""
    tried: list[Outcome] = []

    def write() -> Outcome:
        with tools.store.transaction() as runs:
            if tried and runs.is_recorded(claimed.claim):  # committed, and the answer was lost
                return tried[-1]
            event, decision = _decide(tools, runs, claimed, attempt)
            seconds = runs.step_seconds(claimed.run.id) if decision.next_step is None else {}
            tried.append(Outcome(event, decision, seconds))
            metrics = _keep_metrics(tools, claimed, seconds) if decision.next_step is None else ()
            runs.record(claimed, decision, _step_record(claimed, attempt, event, decision, metrics))
            hit("record.before_commit")
        hit("record.after_commit")
        return tried[-1]

    try:
        return heartbeat.insist(write)
    except LeaseLostError:  # which is also what a heartbeat sees of a lease that this very commit gave back
        if tried and _was_recorded(tools, claimed):
            return tried[-1]
        raise


def _was_recorded(tools: Toolbox, claimed: ClaimedRun) -> bool:
    """Whether this attempt is written down; False as well when the database does not say so within a lease."""
    deadline = time.monotonic() + tools.lease

    def ask() -> bool:
        with tools.store.transaction() as runs:
            return runs.is_recorded(claimed.claim)

    def pause(seconds: float) -> bool:
        time.sleep(seconds)
        return time.monotonic() < deadline

    try:
        return insist(ask, pause=pause)
    except SQLAlchemyError:
        return False


def _decide(tools: Toolbox, runs: RunRepository, claimed: ClaimedRun, attempt: AttemptResult) -> tuple[Event, Decision]:
    """Decide on the locked row, where a wish to cancel, or an answer of an approver, is either seen or too late."""
    step, run = StepName(claimed.claim.step), claimed.run
    cancelled = runs.is_cancelled(claimed.claim) and not attempt.progress.delivering
    event = StepCancelled(step) if cancelled and isinstance(attempt.event, StepDone | GateShut) else attempt.event
    verdict = Verdict.OPEN
    if isinstance(event, StepDone | GateShut):
        coming = step if isinstance(event, GateShut) else step_after(step, dry_run=run.dry_run)
        plan = attempt.result.plan if attempt.result and attempt.result.plan else claimed.plan
        if coming is not None:
            configured = tools.catalog.gate(run.target_service)
            verdict = runs.approvals.verdict(run, coming, plan.digest, configured)
    state = RunState(
        step,
        touched=attempt.progress.touched,
        dry_run=run.dry_run,
        verdict=verdict,
        rounds_left=_rounds_left(tools, claimed, attempt.progress),
    )
    decision = decide(state, event)
    if attempt.passed is Verdict.GRANTED and decision.approval is None:  # a retry stands on what was granted before
        decision = replace(decision, approval="granted")
    return event, decision


def _rounds_left(tools: Toolbox, claimed: ClaimedRun, progress: Progress) -> int:
    """How often the run may plan again: never where it was not asked to change anything, or took over a change that
    is in the workspace already."""
    if claimed.run.start_step not in (StepName.ANALYZE, StepName.PATCH) or is_skipped(claimed.plan, StepName.PATCH):
        return 0
    try:
        return tools.catalog.get(claimed.run.target_service).rounds - progress.round
    except UnknownServiceError:
        return 0


def _step_record(
    claimed: ClaimedRun,
    attempt: AttemptResult,
    event: Event,
    decision: Decision,
    metrics: tuple[ArtifactInfo, ...],
) -> StepRecord:
    progress = attempt.progress
    if decision.replans and isinstance(event, StepFailed):
        log_file = log_name(event.step, claimed.claim.attempt)
        setback = Setback(event.step, event.failure.code, event.failure.reason, log_file)
        progress = replace(progress, round=progress.round + 1, setback=setback)
    return StepRecord(
        state=task_state(event, decision),
        message=attempt.message if decision.failure is None else decision.failure.reason,
        skipped=attempt.skipped,
        artifacts=(*attempt.artifacts, *metrics),
        progress=asdict(progress),
        plan=attempt.result.plan if attempt.result else None,
        rollback_verified=event.verified if isinstance(event, RollbackDone) else None,
        interrupted=isinstance(event, MustWait) and event.failed,
        round=attempt.progress.round,
        findings=attempt.result.findings if attempt.result else (),
        edits=attempt.result.edits if attempt.result else (),
        saw=attempt.saw,
    )


def _keep_metrics(tools: Toolbox, claimed: ClaimedRun, seconds: Mapping[str, float]) -> tuple[ArtifactInfo, ...]:
    """`metrics.json`, if the disk takes it: no run fails for want of its metrics, which the row holds as well."""
    content = (canonical_json({"steps": dict(seconds), "total": round(sum(seconds.values()), 3)}) + "\n").encode()
    step = StepName(claimed.claim.step)
    try:
        return (tools.artifacts.put(claimed.run.id, ArtifactType.METRICS, "metrics.json", content, step),)
    except OSError:
        return ()
