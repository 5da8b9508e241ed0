"""What a person may do about a run now, and why not, if it is not possible. The use cases decide again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moonmind.access.keys import may
from moonmind.schemas.approvals import ApprovalGate, Role
from moonmind.schemas.workflow_models import RunStatus
from moonmind.workflows.orchestrator.gates import (
    Approver,
    given_in,
    has_answered,
    refuse_approver,
    role_for,
    same_person,
)

Run = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answering:
    """Whether a person's word counts; `reason`: why it does not, in words for that person."""

    role: Role | None = None
    reason: str = ""

    @property
    def is_possible(self) -> bool:
        """True when there is a role to answer in."""
        return self.role is not None


@dataclass(frozen=True, slots=True)
class Actions:
    """What the page offers. `run_it`: a dry run can be made real; `vouch`: it can be approved beforehand."""

    answer: Answering
    cancel: bool
    retry: bool
    run_it: bool
    vouch: bool


def actions_for(run: Run, gate: ApprovalGate, person: Approver, now: datetime, *, cancel_asked: bool) -> Actions:
    """By role and state. `run`: RunDetail."""
    operates, ended = may(person.roles, "operator"), RunStatus(run["status"]).is_terminal
    previewed = run["dry_run"] and run["status"] == "succeeded"
    asks = gate.requirement != "none"
    return Actions(
        answer=answering(run, gate, person, now) if run["awaiting"] else Answering(),
        cancel=operates and not ended and not cancel_asked and run["current_step"] != "rollback",
        retry=operates and ended and not previewed,
        run_it=operates and previewed,
        vouch=previewed and asks and counts(gate, person, run["requested_by"]),
    )


def answering(run: Run, gate: ApprovalGate, person: Approver, now: datetime) -> Answering:
    """Whether this person is among those whom the run waits for."""
    if run["awaiting"]["expires_at"] and run["awaiting"]["expires_at"] <= now:
        return Answering(reason="The time to answer is over; the run ends by itself.")
    if run["action_plan"] and has_answered(given_in(run["approvals"], now), person.id, run["action_plan"]["digest"]):
        return Answering(reason="You have answered. Others must agree as well.")
    return standing(gate, person, run["requested_by"])


def standing(gate: ApprovalGate, person: Approver, requester: str) -> Answering:
    """Whether a person's word counts at this gate at all."""
    role = role_for(gate, person)
    if refuse_approver(gate, person, role, requester) is None:
        return Answering(role=role)
    if same_person(person.id, requester) and not gate.self_approval and person.may_act_as(role):
        return Answering(reason="You asked for this run, so somebody else must answer.")
    wanted = " or ".join(gate.approver_roles)
    return Answering(reason=f"Only people with the role {wanted} are asked.")


def counts(gate: ApprovalGate, person: Approver, requester: str) -> bool:
    """Whether this person's word counts at this gate."""
    return standing(gate, person, requester).is_possible
