"""What a run becomes, for every event."""

from itertools import pairwise

import pytest

from moonmind.schemas.workflow_models import FORWARD_STEPS, Failure, RunStatus, StepName
from moonmind.workflows.orchestrator.gates import Verdict
from moonmind.workflows.orchestrator.run_state import (
    CANCELLED,
    CancelAsked,
    Decision,
    Event,
    GateAnswered,
    GateShut,
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
    decision = decide(RunState(StepName.VERIFY, touched=True), StepDone(StepName.VERIFY))
    assert decision == Decision(RunStatus.SUCCEEDED, None, keeps_lock=False)


def test_a_dry_run_ends_after_analyze() -> None:
    state = RunState(StepName.ANALYZE, touched=False, dry_run=True)
    assert decide(state, StepDone(StepName.ANALYZE)) == Decision(RunStatus.SUCCEEDED, None, keeps_lock=False)


@pytest.mark.parametrize("step", FORWARD_STEPS)
def test_a_failure_before_anything_was_touched_just_fails(step: StepName) -> None:
    decision = decide(RunState(step, touched=False), StepFailed(step, FAILURE))
    assert decision == Decision(RunStatus.FAILED, None, keeps_lock=False, failure=FAILURE)


@pytest.mark.parametrize("step", FORWARD_STEPS[1:])
def test_a_failure_after_something_was_touched_rolls_back(step: StepName) -> None:
    decision = decide(RunState(step, touched=True), StepFailed(step, FAILURE))
    assert decision == Decision(RunStatus.RUNNING, StepName.ROLLBACK, wake=True, failure=FAILURE)


@pytest.mark.parametrize("step", FORWARD_STEPS[2:])
def test_a_failure_that_tells_of_something_new_is_planned_for_with_the_lock_kept(step: StepName) -> None:
    decision = decide(RunState(step, touched=True, rounds_left=1), StepFailed(step, FAILURE, news=True))
    assert decision == Decision(RunStatus.RUNNING, StepName.ANALYZE, wake=True, replans=True)
    assert decision.failure is None


@pytest.mark.parametrize(("left", "news"), [(0, True), (3, False)])
def test_without_news_or_without_a_round_left_the_run_is_undone(left: int, news: bool) -> None:
    state = RunState(StepName.VERIFY, touched=True, rounds_left=left)
    decision = decide(state, StepFailed(StepName.VERIFY, FAILURE, news=news))
    assert decision == Decision(RunStatus.RUNNING, StepName.ROLLBACK, wake=True, failure=FAILURE)


@pytest.mark.parametrize("news", [False, True])
def test_a_later_round_that_finds_no_edit_undoes_the_earlier_ones(news: bool) -> None:
    failed = StepFailed(StepName.ANALYZE, FAILURE, news=news)
    decision = decide(RunState(StepName.ANALYZE, touched=True, rounds_left=2), failed)
    assert decision == Decision(RunStatus.RUNNING, StepName.ROLLBACK, wake=True, failure=FAILURE)


@pytest.mark.parametrize("step", FORWARD_STEPS)
def test_a_cancelled_run_undoes_what_was_touched_and_otherwise_just_ends(step: StepName) -> None:
    for event in (StepCancelled(step), CancelAsked()):
        touched = decide(RunState(step, touched=True), event)
        assert touched == Decision(RunStatus.RUNNING, StepName.ROLLBACK, wake=True, failure=CANCELLED)
        untouched = decide(RunState(step, touched=False), event)
        assert untouched == Decision(RunStatus.CANCELLED, None, keeps_lock=False, failure=CANCELLED)


GATES = [(StepName.ANALYZE, StepName.PATCH, False), (StepName.RESTART, StepName.VERIFY, True)]


@pytest.mark.parametrize(("done", "guarded", "touched"), GATES)
def test_a_run_waits_at_its_gate_without_a_worker_and_before_patch_without_its_lock(
    done: StepName, guarded: StepName, touched: bool
) -> None:
    waits = Decision(RunStatus.AWAITING_APPROVAL, guarded, keeps_lock=touched, approval="awaiting")
    assert decide(RunState(done, touched, verdict=Verdict.NEEDED), StepDone(done)) == waits
    assert decide(RunState(guarded, touched, verdict=Verdict.NEEDED), GateShut(guarded)) == waits
    assert decide(RunState(guarded, touched, verdict=Verdict.NEEDED), GateAnswered()) == waits


@pytest.mark.parametrize(("done", "guarded", "touched"), GATES)
def test_an_approved_run_goes_on_with_its_chain_or_is_woken(done: StepName, guarded: StepName, touched: bool) -> None:
    before = decide(RunState(done, touched, verdict=Verdict.GRANTED), StepDone(done))
    assert before == Decision(RunStatus.RUNNING, guarded, chain_goes_on=True, approval="granted")
    after = decide(RunState(guarded, touched, verdict=Verdict.GRANTED), GateAnswered())
    assert after == Decision(RunStatus.RUNNING, guarded, wake=True, keeps_lock=touched, approval="granted")


@pytest.mark.parametrize(
    ("verdict", "code", "approval"),
    [(Verdict.REFUSED, "approval_rejected", "rejected"), (Verdict.EXPIRED, "approval_expired", "expired")],
)
@pytest.mark.parametrize("event", [GateShut, GateAnswered])
def test_a_refused_gate_ends_a_run_or_undoes_it(
    verdict: Verdict, code: str, approval: str, event: type[GateShut] | type[GateAnswered]
) -> None:
    happened = GateShut(StepName.PATCH) if event is GateShut else GateAnswered()
    ended = decide(RunState(StepName.PATCH, touched=False, verdict=verdict), happened)
    assert (ended.status, ended.next_step, ended.approval, ended.keeps_lock) == ("failed", None, approval, False)
    assert ended.failure is not None
    assert ended.failure.code == code
    happened = GateShut(StepName.VERIFY) if event is GateShut else GateAnswered()
    undone = decide(RunState(StepName.VERIFY, touched=True, verdict=verdict), happened)
    assert (undone.status, undone.next_step, undone.wake, undone.keeps_lock) == ("running", "rollback", True, True)
    assert undone.approval == approval


@pytest.mark.parametrize("verified", [True, False])
def test_a_rollback_that_is_done_ends_the_run(verified: bool) -> None:
    decision = decide(RunState(StepName.ROLLBACK, touched=True), RollbackDone(verified))
    assert decision == Decision(RunStatus.ROLLED_BACK, None, keeps_lock=False)


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
        (RunState(StepName.VERIFY, touched=True), GateShut(StepName.PATCH)),
        (RunState(StepName.ROLLBACK, touched=True), GateAnswered()),
    ],
)
def test_an_event_that_cannot_happen_now_is_refused(state: RunState, event: Event) -> None:
    with pytest.raises(ValueError, match="cannot happen"):
        decide(state, event)


def test_a_chain_resumes_with_the_remaining_steps() -> None:
    assert steps_from(StepName.BUILD) == (StepName.BUILD, StepName.RESTART, StepName.VERIFY)
    assert steps_from(StepName.ROLLBACK) == (StepName.ROLLBACK,)
