"""Whose word counts at a gate: one rule for what may go on, and for what people are shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from moonmind.schemas.approvals import ApprovalGate
from moonmind.schemas.workflow_models import StepName
from moonmind.workflows.orchestrator.gates import GateFacts, Given, Verdict, agreed, counted, given_in, judge

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
GATE = ApprovalGate(requirement="pre-run", required_approvals=2)
ANN = Given("ann", "approver", "approve", "d1", valid=True)
BEN = replace(ANN, approver="ben")


def people(*given: Given, gate: ApprovalGate = GATE) -> list[str]:
    return agreed(counted(gate, given, "d1", "kim"))


@pytest.mark.parametrize(
    "change",
    [{"valid": False}, {"plan_digest": "d0"}, {"role": "viewer"}, {"approver": "Kim"}, {"decision": "reject"}],
    ids=lambda change: next(iter(change)),
)
def test_only_a_yes_to_this_plan_by_somebody_who_is_asked_counts(change: dict[str, Any]) -> None:
    assert people(BEN, replace(ANN, **change)) == ["ben"]


def test_whoever_asked_counts_where_the_gate_allows_it() -> None:
    assert people(replace(ANN, approver="kim"), gate=GATE.model_copy(update={"self_approval": True})) == ["kim"]


def test_two_keys_do_not_make_two_people() -> None:
    assert people(ANN, replace(ANN, approver="Ann"), BEN) == ["ann", "ben"]


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ((ANN,), Verdict.NEEDED),
        ((ANN, replace(ANN, approver="ANN")), Verdict.NEEDED),
        ((ANN, BEN), Verdict.GRANTED),
        ((ANN, BEN, replace(BEN, approver="joe", decision="reject")), Verdict.REFUSED),
        ((ANN, BEN, replace(BEN, approver="joe", decision="reject", valid=False)), Verdict.GRANTED),
    ],
)
def test_a_gate_lets_pass_when_enough_people_agreed_and_nobody_rejected(
    given: tuple[Given, ...], verdict: Verdict
) -> None:
    patch = StepName.PATCH
    facts = GateFacts(GATE, given)
    assert judge(facts, step=patch, start=patch, begun=False, plan_digest="d1", requester="kim") is verdict


def test_an_answer_stands_until_it_is_taken_back_and_is_good_for_its_time() -> None:
    row = {"approver": "ann", "role": "approver", "decision": "approve", "plan_digest": "d1"}
    taken_back = {**row, "expires_at": NOW + timedelta(minutes=1), "revoked_at": NOW}
    assert given_in([{**row, "expires_at": NOW + timedelta(minutes=1), "revoked_at": None}, taken_back], NOW) == [ANN]
    assert given_in([{**row, "expires_at": NOW, "revoked_at": None}], NOW) == [replace(ANN, valid=False)]
