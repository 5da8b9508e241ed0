"""Every transition of a run, decided by one pure function over (state, event)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from moonmind.schemas.workflow_models import FORWARD_STEPS, ApprovalStatus, Failure, RunStatus, StepName, TaskState
from moonmind.workflows.orchestrator.gates import Verdict

CANCELLED = Failure(code="cancelled", reason="somebody asked to cancel")


FIX_FAILED = frozenset({"build_failed", "restart_failed", "verify_failed"})
"""Failures that say that the change does not help, or not enough: their evidence may tell more than was known before,
since one missing module often hides three."""


@dataclass(frozen=True, slots=True)
class RunState:
    """What decides about a run. `touched`: true from before the first effect on files or build. `verdict`: what the
    approval gate says about the step that would come next. `rounds_left`: how often it may plan again."""

    next_step: StepName
    touched: bool
    dry_run: bool = False
    verdict: Verdict = Verdict.OPEN
    rounds_left: int = 0


@dataclass(frozen=True, slots=True)
class StepDone:
    """A forward step reached its goal (or had nothing to do)."""

    step: StepName


@dataclass(frozen=True, slots=True)
class StepFailed:
    """A forward step cannot reach its goal. `news`: what it left behind tells of a failure nobody planned for yet."""

    step: StepName
    failure: Failure
    news: bool = False


@dataclass(frozen=True, slots=True)
class StepCancelled:
    """A forward step was stopped, or not begun, because somebody asked to cancel the run."""

    step: StepName


@dataclass(frozen=True, slots=True)
class RollbackDone:
    """Everything that could be put back is back; `verified` only when all of it is, and the service was checked."""

    verified: bool


@dataclass(frozen=True, slots=True)
class MustWait:
    """The step could not be tried to its end; the reaper brings it back. `failed`: nothing was away, so it is not tried
    without end."""

    failed: bool = False


@dataclass(frozen=True, slots=True)
class GateShut:
    """A step was claimed whose gate does not let it pass: nothing was done."""

    step: StepName


@dataclass(frozen=True, slots=True)
class GateAnswered:
    """Somebody approved, rejected or took an approval back while nobody works on the run."""


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """Somebody asked to cancel while nobody works on the run."""


Event = StepDone | StepFailed | StepCancelled | RollbackDone | MustWait | GateShut | GateAnswered | CancelAsked


@dataclass(frozen=True, slots=True)
class Decision:
    """What the run becomes. `chain_goes_on`: the next task is already on its way; otherwise, for a run that is not
    over, `wake` says whether a new message is asked for now (else the reaper will, in its time). `keeps_lock`: the lock
    group stays this run's; whoever gives it free wakes the next. `approval` None: as it was. `replans`: a new round
    begins, whose plan nobody was asked about yet."""

    status: RunStatus
    next_step: StepName | None
    chain_goes_on: bool = False
    wake: bool = False
    keeps_lock: bool = True
    approval: ApprovalStatus | None = None
    failure: Failure | None = None
    replans: bool = False


def steps_from(step: StepName) -> tuple[StepName, ...]:
    """The chain that resumes a run at this step."""
    return (step,) if step is StepName.ROLLBACK else FORWARD_STEPS[FORWARD_STEPS.index(step) :]


def step_after(step: StepName, *, dry_run: bool) -> StepName | None:
    """The forward step that follows, None at the end."""
    following = FORWARD_STEPS[FORWARD_STEPS.index(step) + 1 :]
    return None if not following or (dry_run and step is StepName.ANALYZE) else following[0]


def decide(state: RunState, event: Event) -> Decision:
    """The one transition function. Raises ValueError for an event that cannot happen in this state."""
    match event:
        case StepDone(step):
            _expect(step in FORWARD_STEPS and step is state.next_step, state, event)
            return _after(state, step)
        case StepFailed(step, failure, news):
            _expect(step in FORWARD_STEPS and step is state.next_step, state, event)
            if news and state.rounds_left > 0 and step is not StepName.ANALYZE:
                return Decision(RunStatus.RUNNING, StepName.ANALYZE, wake=True, keeps_lock=state.touched, replans=True)
            return _undo(state, RunStatus.FAILED, failure)
        case StepCancelled(step):
            _expect(step in FORWARD_STEPS and step is state.next_step, state, event)
            return _undo(state, RunStatus.CANCELLED, CANCELLED)
        case CancelAsked():
            return _undo(state, RunStatus.CANCELLED, CANCELLED)
        case RollbackDone():
            _expect(state.next_step is StepName.ROLLBACK, state, event)
            return Decision(RunStatus.ROLLED_BACK, None, keeps_lock=False)
        case MustWait():
            return Decision(RunStatus.RUNNING, state.next_step)
        case GateShut(step):
            _expect(step in FORWARD_STEPS and step is state.next_step, state, event)
            return _at_gate(state)
        case GateAnswered():
            _expect(state.next_step in FORWARD_STEPS, state, event)
            return _at_gate(state)
        case _:
            assert_never(event)


def task_state(event: Event, decision: Decision) -> TaskState:
    """How the attempt that led to this event is shown."""
    match event:
        case StepDone() | RollbackDone():
            return TaskState.SUCCESS
        case StepFailed() | StepCancelled() | CancelAsked():
            return TaskState.FAILURE
        case MustWait() | GateShut() | GateAnswered():
            return TaskState.RETRY if decision.failure is None else TaskState.FAILURE
        case _:
            assert_never(event)


def _after(state: RunState, step: StepName) -> Decision:
    following = step_after(step, dry_run=state.dry_run)
    if following is None:
        return Decision(RunStatus.SUCCEEDED, None, keeps_lock=False)
    if state.verdict.lets_pass:
        approval: ApprovalStatus | None = "granted" if state.verdict is Verdict.GRANTED else None
        return Decision(RunStatus.RUNNING, following, chain_goes_on=True, approval=approval)
    return _at_gate(RunState(following, state.touched, state.dry_run, state.verdict))


def _at_gate(state: RunState) -> Decision:
    """A run that stands before its gate, and whose chain has ended: on, wait, or end."""
    match state.verdict:
        case Verdict.OPEN:
            return Decision(RunStatus.RUNNING, state.next_step, wake=True, keeps_lock=state.touched)
        case Verdict.GRANTED:
            return Decision(RunStatus.RUNNING, state.next_step, wake=True, keeps_lock=state.touched, approval="granted")
        case Verdict.NEEDED:
            return Decision(RunStatus.AWAITING_APPROVAL, state.next_step, keeps_lock=state.touched, approval="awaiting")
        case Verdict.REFUSED:
            return _undo(state, RunStatus.FAILED, Failure(code="approval_rejected", reason="it was not approved"))
        case Verdict.EXPIRED:
            return _undo(state, RunStatus.FAILED, Failure(code="approval_expired", reason="nobody approved it in time"))
        case _:
            assert_never(state.verdict)


def _undo(state: RunState, ending: RunStatus, failure: Failure) -> Decision:
    """Roll back what may have been done; end at once when nothing was."""
    approvals: dict[str, ApprovalStatus] = {"approval_rejected": "rejected", "approval_expired": "expired"}
    approval = approvals.get(failure.code)
    if state.touched:
        return Decision(RunStatus.RUNNING, StepName.ROLLBACK, wake=True, approval=approval, failure=failure)
    return Decision(ending, None, keeps_lock=False, approval=approval, failure=failure)


def _expect(possible: bool, state: RunState, event: Event) -> None:
    if not possible:
        raise ValueError(f"{event} cannot happen in {state}")
