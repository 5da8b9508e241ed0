"""One run as its page shows it: why it waits, how it ended, and what somebody may do about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from api_service.ui.views.actions import Actions, actions_for, answering
from api_service.ui.views.retrying import start_choices
from api_service.ui.views.run import Queue, Worker, answers_of, callout_of, edits_of, steps_of, waiting_for
from api_service.ui.views.words import badge_of_run, badge_of_step
from moonmind.schemas.approvals import ApprovalGate
from moonmind.schemas.workflow_models import StepName
from moonmind.workflows.orchestrator.gates import Approver

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
SOON, AGO = NOW + timedelta(minutes=30), NOW - timedelta(minutes=5)
GATE = ApprovalGate(requirement="pre-run")
KIM = Approver("kim", frozenset({"operator", "approver"}))
ANN = Approver("Ann", frozenset({"approver"}))
VIC = Approver("vic", frozenset({"viewer"}))
NOBODY = Worker()
PLAN = {"digest": "d1"}


def run(**changes: Any) -> dict[str, Any]:
    """A RunDetail that waits for approval, as far as the pages look at it."""
    awaiting = {
        "requirement": "pre-run",
        "approver_roles": ["approver"],
        "required_approvals": 1,
        "self_approval": False,
        "expires_at": SOON,
        "agreed": [],
    }
    whole = {
        "run_id": UUID(int=1),
        "status": "awaiting_approval",
        "requested_by": "kim",
        "dry_run": False,
        "current_step": "patch",
        "completed_at": None,
        "failure": None,
        "rollback_verified": None,
        "action_plan": PLAN,
        "approvals": [],
        "awaiting": awaiting,
        "steps": [],
    }
    return whole | changes


def ended(status: str, **changes: Any) -> dict[str, Any]:
    return run(status=status, awaiting=None, completed_at=NOW, current_step=None, **changes)


def answer(approver: str, **changes: Any) -> dict[str, Any]:
    whole = {
        "approval_id": UUID(int=2),
        "approver": approver,
        "role": "approver",
        "decision": "approve",
        "plan_digest": "d1",
        "comment": None,
        "granted_at": AGO,
        "expires_at": SOON,
        "revoked_at": None,
    }
    return whole | changes


def may(shown: dict[str, Any], person: Approver, gate: ApprovalGate = GATE, *, cancel_asked: bool = False) -> Actions:
    return actions_for(shown, gate, person, NOW, cancel_asked=cancel_asked)


def test_only_those_whose_word_counts_may_answer_and_the_others_are_told_why() -> None:
    assert may(run(), ANN).answer.role == "approver"
    assert "asked for this run" in may(run(), KIM).answer.reason
    assert "role approver" in may(run(), VIC).answer.reason
    assert may(run(), KIM, ApprovalGate(requirement="pre-run", self_approval=True)).answer.is_possible


def test_whoever_answered_waits_for_the_others_and_may_answer_again_about_another_plan() -> None:
    assert "have answered" in answering(run(approvals=[answer("ann")]), GATE, ANN, NOW).reason
    for changed in ({"plan_digest": "d0"}, {"revoked_at": NOW}, {"expires_at": AGO}):
        assert answering(run(approvals=[answer("ann", **changed)]), GATE, ANN, NOW).is_possible


def test_nobody_answers_when_the_time_is_over() -> None:
    late = run(awaiting=run()["awaiting"] | {"expires_at": AGO})
    assert "over" in answering(late, GATE, ANN, NOW).reason


@pytest.mark.parametrize(
    ("shown", "person", "cancel", "retry", "run_it"),
    [
        (run(), KIM, True, False, False),
        (run(), VIC, False, False, False),
        (run(status="running", awaiting=None, current_step="rollback"), KIM, False, False, False),
        (ended("failed"), KIM, False, True, False),
        (ended("failed"), ANN, False, False, False),
        (ended("succeeded", dry_run=True), KIM, False, False, True),
        (ended("failed", dry_run=True), KIM, False, True, False),
    ],
)
def test_what_is_offered_is_what_is_possible(
    shown: dict[str, Any], person: Approver, cancel: bool, retry: bool, run_it: bool
) -> None:
    can = may(shown, person)
    assert (can.cancel, can.retry, can.run_it) == (cancel, retry, run_it)


def test_a_run_is_cancelled_once() -> None:
    assert not may(run(), KIM, cancel_asked=True).cancel


def test_a_preview_is_approved_beforehand_by_others_and_only_where_the_gate_asks() -> None:
    preview = ended("succeeded", dry_run=True)
    assert may(preview, ANN).vouch
    assert not may(preview, KIM).vouch
    assert not may(preview, ANN, ApprovalGate()).vouch


@pytest.mark.parametrize(
    ("shown", "queue", "worker", "title"),
    [
        (run(status="pending", awaiting=None), Queue("shop"), NOBODY, "Waits for a worker"),
        (run(status="pending", awaiting=None), Queue("shop", "r0", 1), NOBODY, "Waits for another run to end"),
        (run(status="pending", awaiting=None), Queue("shop", None, 2), NOBODY, "Waits for its turn"),
        (run(status="running", awaiting=None), Queue("shop"), NOBODY, "Waits for a worker"),
        (run(status="running", awaiting=None), Queue("shop"), Worker("w1", AGO), "The worker fell silent"),
        (run(), Queue("shop"), Worker(cancel_asked=True), "Being stopped"),
        (
            ended("rolled_back", rollback_verified=False, failure={"code": "x", "reason": "y"}),
            Queue("shop"),
            NOBODY,
            "Something could not be put back",
        ),
        (
            ended("failed", failure={"code": "no_fix_found", "reason": "nothing safe"}),
            Queue("shop"),
            NOBODY,
            "No fix found",
        ),
        (ended("cancelled"), Queue("shop"), NOBODY, "Cancelled before anything was changed"),
        (ended("succeeded", dry_run=True), Queue("shop"), NOBODY, "This is a preview: nothing was changed"),
    ],
)
def test_it_says_why_it_waits_or_how_it_ended(shown: dict[str, Any], queue: Queue, worker: Worker, title: str) -> None:
    callout = callout_of(shown, queue, worker, NOW)
    assert callout is not None
    assert callout.title == title


@pytest.mark.parametrize("shown", [ended("succeeded"), run(), run(status="running", awaiting=None)])
def test_what_is_plain_needs_no_words(shown: dict[str, Any]) -> None:
    assert callout_of(shown, Queue("shop"), Worker("w1", SOON), NOW) is None


def test_a_queued_run_names_the_run_that_it_waits_behind() -> None:
    callout = callout_of(run(status="pending", awaiting=None), Queue("front", "r0", 3), NOBODY, NOW)
    assert callout is not None
    assert (callout.run, callout.text) == ("r0", "One run at a time works on front; 3 more before it.")


def test_it_says_whose_word_is_wanted() -> None:
    assert waiting_for(run()) == "1 person with the role approver, other than kim"


def test_an_answer_says_who_when_and_about_which_plan() -> None:
    old, taken = answers_of(
        run(approvals=[answer("ann", plan_digest="d0"), answer("ben", revoked_at=NOW)]), frozenset({"ann"})
    )
    assert (old.badge.label, old.is_old, old.may_revoke, old.at) == ("Approved", True, True, AGO)
    assert (taken.badge.label, taken.may_revoke, taken.at) == ("Taken back", False, NOW)


def step(name: str, status: str, attempt: int = 1, **changes: Any) -> dict[str, Any]:
    whole = {"name": name, "status": status, "attempt": attempt, "message": None}
    return whole | {"started_at": AGO, "completed_at": NOW} | changes


def test_tries_of_a_step_stand_together_and_what_one_wants_to_see_is_open() -> None:
    rows = [
        step("analyze", "succeeded", completed_at=AGO + timedelta(seconds=75)),
        step("build", "failed", message="the worker fell silent"),
        step("build", "in_progress", 2, started_at=NOW - timedelta(seconds=3), completed_at=None),
        step("verify", "pending", started_at=None, completed_at=None),
    ]
    analyze, build, verify = steps_of(run(steps=rows), NOW)
    assert (analyze.is_open, analyze.last.took) == (False, "1 min 15 s")
    assert (build.is_open, len(build.attempts), build.last.took) == (True, 2, "3.0 s")
    assert (verify.is_open, verify.last.took, verify.last.badge.label) == (False, "", "Not begun")


def test_an_undoing_that_left_something_is_an_alarm() -> None:
    assert badge_of_run("rolled_back", rollback_verified=True).tone == "warn"
    assert badge_of_run("rolled_back", rollback_verified=False).tone == "bad"
    assert badge_of_step(step("rollback", "succeeded"), rollback_verified=False).label == "Failed"


def test_a_retry_is_offered_where_it_can_begin() -> None:
    choices = start_choices((StepName.ANALYZE, StepName.PATCH), StepName.PATCH)
    assert [(value, chosen) for value, _, chosen in choices] == [("analyze", False), ("patch", True)]


def test_what_a_tool_changed_in_many_places_of_a_file_is_one_edit_to_read() -> None:
    lock = {"file": "uv.lock", "kind": "text_replace", "name": None, "reason": "locked anew"}
    added = {"file": "pyproject.toml", "kind": "requirement_add", "name": "pyyaml", "reason": "`yaml` is missing"}
    assert edits_of({"edits": [added, lock, {**lock, "old": "b"}]}) == [added, lock]
    assert edits_of(None) == []
