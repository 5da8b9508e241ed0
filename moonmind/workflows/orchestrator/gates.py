"""Whether a run may go on past its service's approval gate, and whose word counts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from moonmind.schemas.approvals import Answer, ApprovalGate, Role
from moonmind.schemas.workflow_models import FORWARD_STEPS, StepName


class Verdict(StrEnum):
    """What a gate says now. `open`: no gate is here."""

    OPEN = "open"
    GRANTED = "granted"
    NEEDED = "needed"
    REFUSED = "refused"
    EXPIRED = "expired"

    @property
    def lets_pass(self) -> bool:
        """Whether the guarded step may be done."""
        return self in (Verdict.OPEN, Verdict.GRANTED)


@dataclass(frozen=True, slots=True)
class Given:
    """One person's answer about one plan; `valid`: not expired by the database's clock (revoked ones are left out)."""

    approver: str
    role: str
    decision: Answer
    plan_digest: str
    valid: bool


@dataclass(frozen=True, slots=True)
class GateFacts:
    """A service's gate, what was answered for one run, and whether the time to answer is over."""

    gate: ApprovalGate
    given: tuple[Given, ...] = ()
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Approver:
    """Who answers: the owner of a key, with the roles that it gives."""

    id: str
    roles: frozenset[str]

    def may_act_as(self, role: str) -> bool:
        """Whether the key gives this role; an admin's gives each."""
        return role in self.roles or "admin" in self.roles


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an answer does not count. `forbidden`: never this person; otherwise not now or not like this."""

    code: str
    reason: str
    forbidden: bool = False


SELF_APPROVAL = Refusal("self_approval", "whoever asked for a run may not approve it", forbidden=True)


def guarded_step(gate: ApprovalGate, start: StepName, *, begun: bool) -> StepName | None:
    """The step before which people must agree, for a run that began at `start`. An undoing is never held up, and
    a plan that is `begun`, so under way with a yes, goes on past `pre-run` after a crash."""
    if start is StepName.ROLLBACK or (begun and gate.requirement == "pre-run"):
        return None
    match gate.requirement:
        case "none":
            return None
        case "pre-run":
            return max(start, StepName.PATCH, key=FORWARD_STEPS.index)
        case "pre-verify":
            return StepName.VERIFY


def judge(
    facts: GateFacts, *, step: StepName, start: StepName, begun: bool, plan_digest: str, requester: str
) -> Verdict:
    """The one place that says whether `step` may be done. Only answers to exactly this plan count."""
    if guarded_step(facts.gate, start, begun=begun) is not step:
        return Verdict.OPEN
    answers = counted(facts.gate, facts.given, plan_digest, requester)
    if any(answer.decision == "reject" for answer in answers):
        return Verdict.REFUSED
    if len(agreed(answers)) >= facts.gate.required_approvals:
        return Verdict.GRANTED
    return Verdict.EXPIRED if facts.is_over else Verdict.NEEDED


def counted(gate: ApprovalGate, given: Iterable[Given], plan_digest: str, requester: str) -> list[Given]:
    """The answers that count at this gate: valid, about exactly this plan, by people whom it asks in that role."""
    return [
        answer
        for answer in given
        if answer.valid and answer.plan_digest == plan_digest
        if answer.role in gate.approver_roles
        if gate.self_approval or not same_person(answer.approver, requester)
    ]


def agreed(answers: Iterable[Given]) -> list[str]:
    """The distinct people who say yes, in the order of their answers."""
    people: dict[str, str] = {}
    for answer in answers:
        if answer.decision == "approve":
            people.setdefault(answer.approver.casefold(), answer.approver)
    return list(people.values())


def given_in(approvals: Iterable[Mapping[str, Any]], now: datetime) -> list[Given]:
    """Out of a run's approvals those that nobody took back; `now`: the database's clock."""
    return [
        Given(a["approver"], a["role"], a["decision"], a["plan_digest"], valid=a["expires_at"] > now)
        for a in approvals
        if a["revoked_at"] is None
    ]


def gate_of(row: Mapping[str, Any]) -> ApprovalGate:
    """A stored gate, out of its row."""
    return ApprovalGate.model_validate({name: row[name] for name in ApprovalGate.model_fields})


def refuse_approver(gate: ApprovalGate, approver: Approver, role: str, requester: str) -> Refusal | None:
    """Why this person may not answer for this gate in this role, or None."""
    if not approver.may_act_as(role):
        return Refusal("role_not_held", f"your key does not give you the role {role}", forbidden=True)
    if role not in gate.approver_roles:
        allowed = ", ".join(gate.approver_roles)
        return Refusal("role_not_asked", f"this service wants the word of: {allowed}", forbidden=True)
    if same_person(approver.id, requester) and not gate.self_approval:
        return SELF_APPROVAL
    return None


def role_for(gate: ApprovalGate, approver: Approver) -> Role:
    """The first role of the gate that the person holds; the gate's first one when there is none."""
    return next((role for role in gate.approver_roles if approver.may_act_as(role)), gate.approver_roles[0])


def same_person(one: str, other: str) -> bool:
    """Names that differ only in case are one person's: two keys do not make two people."""
    return one.casefold() == other.casefold()


def has_answered(given: Iterable[Given], approver: str, plan_digest: str) -> bool:
    """Whether this person gave an answer about this plan that still counts."""
    return any(g.valid and same_person(g.approver, approver) and g.plan_digest == plan_digest for g in given)
