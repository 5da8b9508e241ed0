"""What people can do about a run that waits for them: get a token, answer with it, take an answer back.

Each decision is made on the locked row of the run, so of two that come at once one is late; whoever is refused is on
record too, in the same transaction: no audit row, no answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from moonmind.engine.failpoints import hit
from moonmind.schemas.approvals import Answer, ApprovalGate
from moonmind.schemas.workflow_models import RunSnapshot, RunStatus
from moonmind.workflows.orchestrator.approval_rows import Token
from moonmind.workflows.orchestrator.attempt import read_progress
from moonmind.workflows.orchestrator.gates import (
    SELF_APPROVAL,
    Approver,
    GateFacts,
    Refusal,
    Verdict,
    guarded_step,
    has_answered,
    refuse_approver,
    role_for,
    same_person,
)
from moonmind.workflows.orchestrator.repositories import HeldRun, NewRun, RunRepository
from moonmind.workflows.orchestrator.run_state import GateAnswered, RunState, decide
from moonmind.workflows.orchestrator.telemetry import run_ended
from moonmind.workflows.orchestrator.toolbox import Toolbox


class ApprovalRefusedError(Exception):
    """This answer does not count; why is on the run's record."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class RunNotFoundError(Exception):
    """There is no such run."""


@dataclass(frozen=True, slots=True)
class ApprovalToken:
    """A token as it was sent: its number, None when its signature is not ours."""

    id: UUID | None


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """An answer as it was sent."""

    approver: str
    role: str
    token: ApprovalToken
    decision: Answer = "approve"
    comment: str | None = None
    expires_at: datetime | None = None


def issue_token(tools: Toolbox, run: UUID, caller: Approver, seconds: int, role: str | None = None) -> Token:
    """The right to answer once about the run's plan as it is now, for `seconds`, in `role` (None: one that counts).

    Also for a dry run that succeeded: a new run of the same plan may be sent with it. Raises RunNotFoundError,
    ApprovalRefusedError.
    """
    with tools.store.transaction() as runs:
        held = _hold(runs, run)
        facts = runs.approvals.facts(held.run)
        role = role or role_for(facts.gate, caller)
        refusal = _not_asked(held.run, facts) or refuse_approver(facts.gate, caller, role, held.run.requester)
        if refusal is None:
            return runs.approvals.add_token(run, caller, role, held.plan.digest, seconds)
        _note_refusal(runs, run, caller, refusal)
    raise ApprovalRefusedError(refusal)


def answer_approval(tools: Toolbox, run: UUID, request: ApprovalRequest, caller: Approver) -> None:
    """Approve or reject the plan that a run waits with. Raises RunNotFoundError, ApprovalRefusedError."""
    with tools.store.transaction() as runs:
        held = _hold(runs, run)
        facts = runs.approvals.facts(held.run)
        refusal = _refuse(runs, held, facts, request, caller)
        if refusal is None:
            _accept(tools, runs, held, facts.gate, request, caller)
        else:
            _note_refusal(runs, run, caller, refusal)
    hit("approve.after_commit")
    if refusal is not None:
        raise ApprovalRefusedError(refusal)


def revoke_approval(tools: Toolbox, run: UUID, approval: UUID, caller: Approver) -> None:
    """Take an answer back, as long as what it allowed has not begun. Raises RunNotFoundError, ApprovalRefusedError."""
    with tools.store.transaction() as runs:
        held = _hold(runs, run)
        given = runs.approvals.find(run, approval)
        if given is None:
            raise RunNotFoundError
        refusal = _refuse_revocation(held, runs.approvals.facts(held.run), given["approver"], caller)
        if refusal is None:
            runs.approvals.revoke(approval)
            runs.add_event(run, caller.id, "approval_revoked", {"approver": given["approver"]})
            reconsider(tools, runs, held, caller.id)
        else:
            _note_refusal(runs, run, caller, refusal)
    if refusal is not None:
        raise ApprovalRefusedError(refusal)


def stand_on_token(runs: RunRepository, new: NewRun, token: ApprovalToken) -> None:
    """Let a new run begin with the answer that a token of a dry run stands for; it counts if the plan comes out the
    same. Raises ApprovalRefusedError, and then there must be no new run."""
    found = _find_token(runs, token)
    if found is None:
        raise ApprovalRefusedError(_bad_token(found))
    dry = _hold(runs, found.subject_id)
    if dry.run.target_service != new.target_service or not dry.run.dry_run:
        reason = f"the token is not of a dry run for {new.target_service}"
        raise ApprovalRefusedError(Refusal("token_of_another_run", reason))
    gate = runs.approvals.facts(dry.run).gate
    if new.dry_run or gate.requirement == "none":
        raise ApprovalRefusedError(Refusal("not_awaiting", "it asks for nobody's approval: send no token with it"))
    if same_person(found.approver, new.requester) and not gate.self_approval:
        raise ApprovalRefusedError(SELF_APPROVAL)
    if not runs.approvals.still_may(found.approver, found.role):
        reason = f"{found.approver} has no key or sign-in any more that gives the role {found.role}"
        raise ApprovalRefusedError(Refusal("role_not_held", reason, forbidden=True))
    if not runs.approvals.use_token(found.id):
        raise ApprovalRefusedError(_bad_token(found))
    runs.approvals.add(
        new.id,
        approver=found.approver,
        role=found.role,
        plan_digest=found.plan_digest,
        decision="approve",
        comment=f"given for the dry run {found.subject_id}",
        valid_minutes=gate.valid_minutes,
    )
    said = {"role": found.role, "plan_digest": found.plan_digest, "dry_run": str(found.subject_id)}
    runs.add_event(new.id, found.approver, "approval_given", said)


def note_refused_token(tools: Toolbox, token: ApprovalToken, caller: Approver, refusal: Refusal) -> None:
    """Put on a dry run's record that its token was refused for a new run, which is not there to have a record."""
    with tools.store.transaction() as runs:
        found = _find_token(runs, token)
        if found is not None:
            _hold(runs, found.subject_id)
            _note_refusal(runs, found.subject_id, caller, refusal)


def reconsider(tools: Toolbox, runs: RunRepository, held: HeldRun, actor: str) -> None:
    """What becomes of a run at its gate now; while more people must agree, it waits on, no longer than before."""
    step = held.run.next_step
    assert step is not None
    configured = tools.catalog.gate(held.run.target_service)
    verdict = runs.approvals.verdict(held.run, step, held.plan.digest, configured)
    if verdict is Verdict.NEEDED and held.run.status is RunStatus.AWAITING_APPROVAL:
        return
    state = RunState(step, touched=read_progress(held.run.progress).touched, verdict=verdict)
    decision = decide(state, GateAnswered())
    runs.change(held, decision, actor)
    if decision.next_step is None:
        seconds = sum(runs.step_seconds(held.run.id).values())
        runs.afterwards.append(lambda: run_ended(tools, held.run, decision.status, seconds))


def _hold(runs: RunRepository, run: UUID) -> HeldRun:
    held = runs.lock(run)
    if held is None:
        raise RunNotFoundError
    return held


def _refuse(
    runs: RunRepository, held: HeldRun, facts: GateFacts, request: ApprovalRequest, caller: Approver
) -> Refusal | None:
    if not same_person(request.approver, caller.id):
        return Refusal("not_the_approver", f"your key is {caller.id}'s: only they can answer", forbidden=True)
    if held.run.status is not RunStatus.AWAITING_APPROVAL:
        return Refusal("not_awaiting", f"the run is {held.run.status}: it waits for nobody's word")
    if refusal := refuse_approver(facts.gate, caller, request.role, held.run.requester):
        return refusal
    if facts.is_over:
        return Refusal("approval_expired", "the time to answer is over")
    if has_answered(facts.given, caller.id, held.plan.digest):
        return Refusal("answered_before", "you answered about this plan already; revoke that to answer anew")
    if request.expires_at is not None and runs.approvals.is_past(request.expires_at):
        return Refusal("expires_in_the_past", "`expires_at` is over already")
    return _use_token(runs, held, request, caller)


def _use_token(runs: RunRepository, held: HeldRun, request: ApprovalRequest, caller: Approver) -> Refusal | None:
    token = _find_token(runs, request.token)
    if token is None or not token.is_usable:
        return _bad_token(token)
    if token.subject_id != held.run.id:
        return Refusal("token_of_another_run", "the token is about another run")
    if not same_person(token.approver, caller.id) or token.role != request.role:
        return Refusal("token_of_another_person", "the token was given to somebody else, or for another role")
    if token.plan_digest != held.plan.digest:
        return Refusal("plan_changed", "the plan is not what the token was given for: look at it again")
    return None if runs.approvals.use_token(token.id) else _bad_token(token)


def _find_token(runs: RunRepository, sent: ApprovalToken) -> Token | None:
    return runs.approvals.find_token(sent.id) if sent.id is not None else None


def _bad_token(token: Token | None) -> Refusal:
    return Refusal("token_invalid", "the token was used or has expired" if token else "this is no token of ours")


def _not_asked(run: RunSnapshot, facts: GateFacts) -> Refusal | None:
    """Why nobody's word is wanted about this run."""
    if run.status is RunStatus.AWAITING_APPROVAL:
        return Refusal("approval_expired", "the time to answer is over") if facts.is_over else None
    if run.dry_run and run.status is RunStatus.SUCCEEDED:
        asked = facts.gate.requirement != "none"
        return None if asked else Refusal("not_awaiting", f"{run.target_service} asks for nobody's approval")
    return Refusal("not_awaiting", f"the run is {run.status}: it waits for nobody's word")


def _refuse_revocation(held: HeldRun, facts: GateFacts, approver: str, caller: Approver) -> Refusal | None:
    if not same_person(approver, caller.id) and "admin" not in caller.roles:
        return Refusal("not_the_approver", "only whoever gave an answer, or an admin, takes it back", forbidden=True)
    begun = read_progress(held.run.progress).begun == held.plan.digest
    guarded = guarded_step(facts.gate, held.run.start_step, begun=begun)
    if held.is_worked_on or held.run.status.is_terminal or held.run.next_step is not guarded:
        return Refusal("too_late", "what was approved has begun; cancel the run to have it undone")
    return None


def _accept(
    tools: Toolbox, runs: RunRepository, held: HeldRun, gate: ApprovalGate, request: ApprovalRequest, caller: Approver
) -> None:
    runs.approvals.retire_expired(held.run.id, caller.id, held.plan.digest)
    runs.approvals.add(
        held.run.id,
        approver=caller.id,
        role=request.role,
        plan_digest=held.plan.digest,
        decision=request.decision,
        comment=request.comment,
        valid_minutes=gate.valid_minutes,
        expires_at=request.expires_at,
    )
    said = {"role": request.role, "plan_digest": held.plan.digest, "comment": request.comment}
    kind = "approval_given" if request.decision == "approve" else "approval_rejected"
    runs.add_event(held.run.id, caller.id, kind, said)
    reconsider(tools, runs, held, caller.id)


def _note_refusal(runs: RunRepository, run: UUID, caller: Approver, refusal: Refusal) -> None:
    said: dict[str, Any] = {"code": refusal.code, "reason": refusal.reason}
    runs.add_event(run, caller.id, "approval_refused", said)
