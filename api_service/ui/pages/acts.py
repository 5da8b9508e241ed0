"""What people do about a run: each is one use case, then the run's page again."""

from __future__ import annotations

import uuid
from uuid import UUID

from fastapi import APIRouter, Request, Response

from api_service.api.context import Context
from api_service.api.problems import Problem
from api_service.api.refusals import refusal_of
from api_service.api.routing import Use, read_token, rows_of
from api_service.api.schemas import CreateRun, RetryRun
from api_service.ui.answers import AnswerForm, give_answer
from api_service.ui.forms import Form, InvalidFormError, check
from api_service.ui.pages.run import run_page
from api_service.ui.rendering import go_to
from api_service.ui.routing import PageRoute
from api_service.ui.visitors import Operator, Viewer, Visitor
from moonmind.schemas.workflow_models import PRIORITY_NAMES
from moonmind.workflows.orchestrator.approvals import (
    ApprovalRefusedError,
    RunNotFoundError,
    issue_token,
    note_refused_token,
    revoke_approval,
)
from moonmind.workflows.orchestrator.retry import NotResumableError, RetryRequest, RunNotOverError, retry_run
from moonmind.workflows.orchestrator.service_profiles import UnknownServiceError
from moonmind.workflows.orchestrator.use_cases import RunOverError, RunRequest, cancel_run, submit_run

REFUSALS = (
    *(ApprovalRefusedError, NotResumableError, RunNotOverError, RunOverError, UnknownServiceError),
    *(InvalidFormError,),
)

router = APIRouter(prefix="/ui/runs/{run_id}", route_class=PageRoute)


@router.post("/answer")
def answer(request: Request, run_id: UUID, context: Use, visitor: Viewer, sent: Form) -> Response:
    """Approve or reject the very plan that was shown."""
    rows_of(context, run_id)
    values = {"decision": sent.one("decision"), "comment": sent.optional("comment")}
    try:
        body = check(AnswerForm, {**values, "plan_digest": sent.one("plan_digest")})
        give_answer(context, run_id, visitor, body)
    except REFUSALS as error:
        return _refused(request, context, visitor, run_id, error, comment=sent.one("comment"))
    return go_to(f"/ui/runs/{run_id}", "approved" if body.decision == "approve" else "rejected")


@router.post("/answers/{approval_id}/revoke")
def revoke(request: Request, run_id: UUID, approval_id: UUID, context: Use, visitor: Viewer, sent: Form) -> Response:
    """Take an answer back."""
    rows_of(context, run_id)
    try:
        revoke_approval(context.tools, run_id, approval_id, visitor.approver)
    except RunNotFoundError:
        raise Problem(404, "approval_not_found", "no such approval of this run stands", "Look at the run.") from None
    except REFUSALS as error:
        return _refused(request, context, visitor, run_id, error)
    return go_to(f"/ui/runs/{run_id}", "taken_back")


@router.post("/cancel")
def cancel(request: Request, run_id: UUID, context: Use, visitor: Operator, sent: Form) -> Response:
    """Stop it, and have what it did put back."""
    rows_of(context, run_id)
    try:
        cancel_run(context.tools, run_id, visitor.owner)
    except REFUSALS as error:
        return _refused(request, context, visitor, run_id, error)
    return go_to(f"/ui/runs/{run_id}", "cancelled")


@router.post("/retry")
def retry(request: Request, run_id: UUID, context: Use, visitor: Operator, sent: Form) -> Response:
    """A new run that takes this one up at the chosen step."""
    rows_of(context, run_id)
    try:
        body = check(
            RetryRun, {"resume_from_step": sent.optional("resume_from_step"), "reason": sent.optional("reason")}
        )
        asked = RetryRequest(body.resume_from_step, body.reason)
        new = retry_run(context.tools, run_id, asked, visitor.owner, uuid.uuid4)
    except REFUSALS as error:
        return _refused(request, context, visitor, run_id, error)
    return go_to(f"/ui/runs/{new}", "retried")


@router.post("/run")
def run_previewed(request: Request, run_id: UUID, context: Use, visitor: Operator, sent: Form) -> Response:
    """Do what a preview showed: from patch on, or with a token of somebody who approved it beforehand."""
    rows_of(context, run_id)
    token = sent.optional("approval_token")
    try:
        if token is None:
            new = retry_run(context.tools, run_id, RetryRequest(), visitor.owner, uuid.uuid4)
        else:
            new = _run_with_token(context, visitor, run_id, token)
    except REFUSALS as error:
        return _refused(request, context, visitor, run_id, error)
    return go_to(f"/ui/runs/{new}", "asked")


@router.post("/token")
def vouch(request: Request, run_id: UUID, context: Use, visitor: Viewer, sent: Form) -> Response:
    """A token of whoever approves a preview, shown this once."""
    rows_of(context, run_id)
    try:
        made = issue_token(context.tools, run_id, visitor.approver, context.settings.api.approval_token_ttl)
    except REFUSALS as error:
        return _refused(request, context, visitor, run_id, error)
    shown = {"text": context.approval_tokens.sign(str(made.id)), "expires_at": made.expires_at}
    return run_page(request, context, visitor, run_id, token=shown)


def _run_with_token(context: Context, visitor: Visitor, run_id: UUID, sent: str) -> UUID:
    """The same instruction again; it goes through its gate if it comes to the plan that was approved."""
    row = rows_of(context, run_id).run
    fields = {"instruction": row["instruction"], "target_service": row["target_service"], "approval_token": sent}
    body = check(CreateRun, fields)
    token = read_token(context, sent)
    asked = RunRequest(
        body.instruction, body.target_service, priority=PRIORITY_NAMES[row["priority"]], approval_token=token
    )
    try:
        return submit_run(context.tools, asked, visitor.owner, uuid.uuid4)
    except ApprovalRefusedError as error:
        note_refused_token(context.tools, token, visitor.approver, error.refusal)
        raise


def _refused(
    request: Request, context: Context, visitor: Visitor, run_id: UUID, error: Exception, comment: str = ""
) -> Response:
    """The run's page as it is now, with why nothing was done."""
    problem = _invalid(error) if isinstance(error, InvalidFormError) else refusal_of(error)
    return run_page(request, context, visitor, run_id, problem.status_code, refused=problem, comment=comment)


def _invalid(error: InvalidFormError) -> Problem:
    wrong = "; ".join(f"{field.replace('_', ' ')}: {message}" for field, message in error.errors.items())
    return Problem(422, "invalid_form", wrong, "Mend it, then send it again.")
