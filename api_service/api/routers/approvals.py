"""People's answers to runs that wait for them. Any key may ask; the service's gate says whose word counts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter

from api_service.api.approval_schemas import AnswerApproval, ApprovalTokenView, AskForToken
from api_service.api.problems import Problem
from api_service.api.routing import PROBLEM, REFUSALS, Use, as_approver, read_token, rows_of
from api_service.api.schemas import RunSummary
from api_service.api.security import Viewer
from api_service.api.strict_json import StrictRoute
from moonmind.workflows.orchestrator.approvals import (
    ApprovalRequest,
    RunNotFoundError,
    answer_approval,
    issue_token,
    revoke_approval,
)
from moonmind.workflows.orchestrator.serializers import run_summary

REFUSED: dict[int | str, dict[str, Any]] = {404: PROBLEM, 409: PROBLEM}

router = APIRouter(
    prefix="/orchestrator/runs/{run_id}", tags=["approvals"], route_class=StrictRoute, responses={**REFUSALS, **REFUSED}
)


@router.post(
    "/approval-tokens", status_code=201, response_model=ApprovalTokenView, summary="Get a token to answer with"
)
def create_token(run_id: UUID, context: Use, person: Viewer, body: AskForToken | None = None) -> dict[str, Any]:
    """For the caller alone, for one answer about the plan as it is now. A dry run's goes into a new run's body."""
    seconds = context.settings.api.approval_token_ttl
    rows_of(context, run_id)
    token = issue_token(context.tools, run_id, as_approver(person), seconds, body.role if body else None)
    return {
        "token": context.approval_tokens.sign(str(token.id)),
        "approver": {"id": token.approver, "role": token.role},
        "plan_digest": token.plan_digest,
        "expires_at": token.expires_at,
    }


@router.post("/approvals", response_model=RunSummary, summary="Approve or reject")
def answer(run_id: UUID, body: AnswerApproval, context: Use, person: Viewer) -> dict[str, Any]:
    """Counts once the right people have agreed; a rejection counts at once. What is refused is on the run's record."""
    request = ApprovalRequest(
        approver=body.approver.id,
        role=body.approver.role,
        token=read_token(context, body.token),
        decision=body.decision,
        comment=body.comment,
        expires_at=body.expires_at,
    )
    rows_of(context, run_id)
    answer_approval(context.tools, run_id, request, as_approver(person))
    return run_summary(rows_of(context, run_id).run)


@router.delete("/approvals/{approval_id}", response_model=RunSummary, summary="Take an answer back")
def revoke(run_id: UUID, approval_id: UUID, context: Use, person: Viewer) -> dict[str, Any]:
    """By whoever gave it, or an admin, until what it allowed has begun. It stays on record."""
    rows_of(context, run_id)
    try:
        revoke_approval(context.tools, run_id, approval_id, as_approver(person))
    except RunNotFoundError:
        detail = f"no approval {approval_id} of this run stands"
        raise Problem(404, "approval_not_found", detail, "GET the run: `approvals` lists them.") from None
    return run_summary(rows_of(context, run_id).run)
