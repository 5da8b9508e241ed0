"""Every transition of a run, decided by one pure function over (state, event)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from moonmind.schemas.workflow_models import FORWARD_STEPS, Failure, RunStatus, StepName


@dataclass(frozen=True, slots=True)
class RunState:
    """What decides about a run: `touched` is true from before the first effect on files or build."""

    next_step: StepName
    touched: bool
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class StepDone:
    """A forward step reached its goal (or had nothing to do)."""

    step: StepName


@dataclass(frozen=True, slots=True)
class StepFailed:
    """A forward step cannot reach its goal."""

    step: StepName
    failure: Failure


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
    """The step could not be tried to its end (engine away during rollback); the reaper brings it back."""


Event = StepDone | StepFailed | StepCancelled | RollbackDone | MustWait


@dataclass(frozen=True, slots=True)
class Decision:
    """What the run becomes. `chain_goes_on`: the next task is already on its way; otherwise, for a run that is not
    over, `wake` says whether a new message is asked for now (else the reaper will, in its time)."""

    status: RunStatus
    next_step: StepName | None
    chain_goes_on: bool = False
    wake: bool = False


def steps_from(step: StepName) -> tuple[StepName, ...]:
    """The chain that resumes a run at this step."""
    return (step,) if step is StepName.ROLLBACK else FORWARD_STEPS[FORWARD_STEPS.index(step) :]


def decide(state: RunState, event: Event) -> Decision:
    """The one transition function. Raises ValueError for an event about another step than the current one."""
    match event:
        case StepDone(step):
            _expect(step in FORWARD_STEPS and step is state.next_step, state, event)
            return _after(state, step)
        case StepFailed(step):
            _expect(step in FORWARD_STEPS and step is state.next_step, state, event)
            if state.touched:
                return Decision(RunStatus.RUNNING, StepName.ROLLBACK, wake=True)
            return Decision(RunStatus.FAILED, None)
        case StepCancelled(step):
            _expect(step in FORWARD_STEPS and step is state.next_step, state, event)
            if state.touched:
                return Decision(RunStatus.RUNNING, StepName.ROLLBACK, wake=True)
            return Decision(RunStatus.CANCELLED, None)
        case RollbackDone():
            _expect(state.next_step is StepName.ROLLBACK, state, event)
            return Decision(RunStatus.ROLLED_BACK, None)
        case MustWait():
            return Decision(RunStatus.RUNNING, state.next_step)
        case _:
            assert_never(event)


def _after(state: RunState, step: StepName) -> Decision:
    following = FORWARD_STEPS[FORWARD_STEPS.index(step) + 1 :]
    if not following or (state.dry_run and step is StepName.ANALYZE):
        return Decision(RunStatus.SUCCEEDED, None)
    return Decision(RunStatus.RUNNING, following[0], chain_goes_on=True)


def _expect(possible: bool, state: RunState, event: Event) -> None:
    if not possible:
        raise ValueError(f"{event} cannot happen in {state}")
