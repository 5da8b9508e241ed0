"""What people do about a run: each is one use case, then the run's page again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
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
    ApprovalRefusedError,
    InvalidFormError,
    NotResumableError,
    RunNotOverError,
    RunOverError,
    UnknownServiceError,
)

router = APIRouter(prefix="/ui/runs/{run_id}", route_class=PageRoute)


@router.post("/answer")
def answer(request: Request, run_id: UUID, context: Use, visitor: Viewer, sent: Form) -> Response:
    """Approve or reject the very plan that was shown."""

    def act() -> Response:
        values = {"decision": sent.one("decision"), "plan_digest": sent.one("plan_digest")}
        body = check(AnswerForm, {**values, "comment": sent.optional("comment")})
        give_answer(context, run_id, visitor, body)
        return go_to(f"/ui/runs/{run_id}", "approved" if body.decision == "approve" else "rejected")

    return _tried(act, request, context, visitor, run_id, comment=sent.one("comment"))


@router.post("/answers/{approval_id}/revoke")
def revoke(request: Request, run_id: UUID, approval_id: UUID, context: Use, visitor: Viewer, sent: Form) -> Response:
    """Take an answer back."""

    def act() -> Response:
        try:
            revoke_approval(context.tools, run_id, approval_id, visitor.approver)
        except RunNotFoundError:
            detail = "no such approval of this run stands"
            raise Problem(404, "approval_not_found", detail, "Look at the run.") from None
        return go_to(f"/ui/runs/{run_id}", "taken_back")

    return _tried(act, request, context, visitor, run_id)


@router.post("/cancel")
def cancel(request: Request, run_id: UUID, context: Use, visitor: Operator, sent: Form) -> Response:
    """Stop it, and have what it did put back."""

    def act() -> Response:
        cancel_run(context.tools, run_id, visitor.owner)
        return go_to(f"/ui/runs/{run_id}", "cancelled")

    return _tried(act, request, context, visitor, run_id)


@router.post("/retry")
def retry(request: Request, run_id: UUID, context: Use, visitor: Operator, sent: Form) -> Response:
    """A new run that takes this one up at the chosen step."""

    def act() -> Response:
        body = check(RetryRun, {name: sent.optional(name) for name in ("resume_from_step", "reason")})
        asked = RetryRequest(body.resume_from_step, body.reason)
        new = retry_run(context.tools, run_id, asked, visitor.owner, uuid.uuid4)
        return go_to(f"/ui/runs/{new}", "retried")

    return _tried(act, request, context, visitor, run_id)


@router.post("/run")
def run_previewed(request: Request, run_id: UUID, context: Use, visitor: Operator, sent: Form) -> Response:
    """Do what a preview showed: from patch on, or with a token of somebody who approved it beforehand."""

    def act() -> Response:
        if token := sent.optional("approval_token"):
            new = _run_with_token(context, visitor, run_id, token)
        else:
            new = retry_run(context.tools, run_id, RetryRequest(), visitor.owner, uuid.uuid4)
        return go_to(f"/ui/runs/{new}", "asked")

    return _tried(act, request, context, visitor, run_id)


@router.post("/token")
def vouch(request: Request, run_id: UUID, context: Use, visitor: Viewer, sent: Form) -> Response:
    """A token of whoever approves a preview, shown this once."""

    def act() -> Response:
        made = issue_token(context.tools, run_id, visitor.approver, context.settings.api.approval_token_ttl)
        shown = {"text": context.approval_tokens.sign(str(made.id)), "expires_at": made.expires_at}
        return run_page(request, context, visitor, run_id, token=shown)

    return _tried(act, request, context, visitor, run_id)


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


def _tried(
    act: Callable[[], Response], request: Request, context: Context, visitor: Visitor, run_id: UUID, comment: str = ""
) -> Response:
    """What `act` answers; if it is refused, the run's page as it is now, with why. Problem 404 without such a run."""
    rows_of(context, run_id)
    try:
        return act()
    except REFUSALS as error:
        problem = _invalid(error) if isinstance(error, InvalidFormError) else refusal_of(error)
        return run_page(request, context, visitor, run_id, problem.status_code, refused=problem, comment=comment)


def _invalid(error: InvalidFormError) -> Problem:
    wrong = "; ".join(f"{field.replace('_', ' ')}: {message}" for field, message in error.errors.items())
    return Problem(422, "invalid_form", wrong, "Mend it, then send it again.")
