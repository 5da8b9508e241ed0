"""What a run becomes, for every event."""

from itertools import pairwise

import pytest

from moonmind.schemas.workflow_models import FORWARD_STEPS, Failure, RunStatus, StepName
from moonmind.workflows.orchestrator.run_state import (
    Decision,
    MustWait,
    RollbackDone,
    RunState,
    StepCancelled,
    StepDone,
    StepFailed,
    decide,
    steps_from,
)

FAILURE = Failure(code="x", reason="y")


@pytest.mark.parametrize(("step", "following"), list(pairwise(FORWARD_STEPS)))
def test_a_step_that_is_done_hands_over_to_the_next_task_of_the_chain(step: StepName, following: StepName) -> None:
    decision = decide(RunState(step, touched=True), StepDone(step))
    assert decision == Decision(RunStatus.RUNNING, following, chain_goes_on=True)


def test_the_last_step_ends_the_run() -> None:
    assert decide(RunState(StepName.VERIFY, touched=True), StepDone(StepName.VERIFY)) == Decision(
        RunStatus.SUCCEEDED, None
    )


def test_a_dry_run_ends_after_analyze() -> None:
    state = RunState(StepName.ANALYZE, touched=False, dry_run=True)
    assert decide(state, StepDone(StepName.ANALYZE)) == Decision(RunStatus.SUCCEEDED, None)


@pytest.mark.parametrize("step", FORWARD_STEPS)
def test_a_failure_before_anything_was_touched_just_fails(step: StepName) -> None:
    assert decide(RunState(step, touched=False), StepFailed(step, FAILURE)) == Decision(RunStatus.FAILED, None)


@pytest.mark.parametrize("step", FORWARD_STEPS[1:])
def test_a_failure_after_something_was_touched_rolls_back(step: StepName) -> None:
    decision = decide(RunState(step, touched=True), StepFailed(step, FAILURE))
    assert decision == Decision(RunStatus.RUNNING, StepName.ROLLBACK, wake=True)


@pytest.mark.parametrize("step", FORWARD_STEPS)
def test_a_cancelled_step_undoes_what_was_touched_and_otherwise_just_ends(step: StepName) -> None:
    touched = decide(RunState(step, touched=True), StepCancelled(step))
    assert touched == Decision(RunStatus.RUNNING, StepName.ROLLBACK, wake=True)
    assert decide(RunState(step, touched=False), StepCancelled(step)) == Decision(RunStatus.CANCELLED, None)


@pytest.mark.parametrize("verified", [True, False])
def test_a_rollback_that_is_done_ends_the_run(verified: bool) -> None:
    decision = decide(RunState(StepName.ROLLBACK, touched=True), RollbackDone(verified))
    assert decision == Decision(RunStatus.ROLLED_BACK, None)


@pytest.mark.parametrize("step", StepName)
def test_a_step_that_must_wait_stays_where_it_is_until_the_reaper_comes(step: StepName) -> None:
    assert decide(RunState(step, touched=True), MustWait()) == Decision(RunStatus.RUNNING, step)


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (RunState(StepName.BUILD, touched=True), StepDone(StepName.PATCH)),
        (RunState(StepName.BUILD, touched=True), StepFailed(StepName.RESTART, FAILURE)),
        (RunState(StepName.ROLLBACK, touched=True), StepDone(StepName.ROLLBACK)),
        (RunState(StepName.ROLLBACK, touched=True), StepFailed(StepName.ROLLBACK, FAILURE)),
        (RunState(StepName.ROLLBACK, touched=True), StepCancelled(StepName.ROLLBACK)),
        (RunState(StepName.VERIFY, touched=True), RollbackDone(verified=True)),
    ],
)
def test_an_event_that_cannot_happen_now_is_refused(
    state: RunState, event: StepDone | StepFailed | RollbackDone
) -> None:
    with pytest.raises(ValueError, match="cannot happen"):
        decide(state, event)


def test_a_chain_resumes_with_the_remaining_steps() -> None:
    assert steps_from(StepName.BUILD) == (StepName.BUILD, StepName.RESTART, StepName.VERIFY)
    assert steps_from(StepName.ROLLBACK) == (StepName.ROLLBACK,)
