"""Asking for runs, taking them up again and stopping them: each route checks, calls one use case, answers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError

from api_service.api.context import Context, context_of
from api_service.api.problems import invalid_request
from api_service.api.routing import PROBLEM, REFUSALS, IdempotencyKey, Use, as_approver, read_token, rows_of
from api_service.api.schemas import CreateRun, RetryRun, RunSummary
from api_service.api.security import Operator
from api_service.api.strict_json import StrictRoute
from moonmind.workflows.orchestrator.approvals import ApprovalRefusedError, note_refused_token
from moonmind.workflows.orchestrator.retry import RetryRequest, retry_run
from moonmind.workflows.orchestrator.serializers import run_summary
from moonmind.workflows.orchestrator.use_cases import RunRequest, cancel_run, submit_run

router = APIRouter(prefix="/orchestrator", tags=["runs"], route_class=StrictRoute, responses=REFUSALS)


class CreateRunRoute(StrictRoute):
    """Whoever asks wrongly for a run is told what could be asked for."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The strict handler, with the known services in its refusals."""
        handler = super().get_route_handler()

        async def helpful(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestValidationError as error:
                known = list(context_of(request).tools.catalog.names())
                raise invalid_request(error, known_services=known) from None

        return helpful


creation = APIRouter(prefix="/orchestrator", tags=["runs"], route_class=CreateRunRoute, responses=REFUSALS)


@creation.post(
    "/runs",
    status_code=202,
    response_model=RunSummary,
    responses={400: PROBLEM, 409: PROBLEM, 413: PROBLEM},
    summary="Ask for a repair",
)
def create_run(
    body: CreateRun, response: Response, context: Use, person: Operator, idempotency_key: IdempotencyKey = None
) -> dict[str, Any]:
    """Accepts the run; it is done by a worker. `Location` is where to look."""
    token = read_token(context, body.approval_token) if body.approval_token is not None else None
    request = RunRequest(
        instruction=body.instruction,
        target_service=body.target_service,
        priority=body.priority,
        dry_run=body.dry_run,
        idempotency_key=idempotency_key,
        approval_token=token,
    )
    try:
        run = submit_run(context.tools, request, person.owner, uuid.uuid4)
    except ApprovalRefusedError as error:
        if token is not None:
            note_refused_token(context.tools, token, as_approver(person), error.refusal)
        raise
    return _accepted(context, run, response)


@router.post(
    "/runs/{run_id}/retry",
    status_code=202,
    response_model=RunSummary,
    responses=dict.fromkeys((400, 404, 409), PROBLEM),
    summary="Take an ended run up again",
)
def retry(
    run_id: UUID,
    response: Response,
    context: Use,
    person: Operator,
    body: RetryRun | None = None,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """Accepts a new run that links to the old one and begins at the asked step, taking over what still holds."""
    body = body or RetryRun()
    request = RetryRequest(body.resume_from_step, body.reason, idempotency_key)
    rows_of(context, run_id)
    return _accepted(context, retry_run(context.tools, run_id, request, person.owner, uuid.uuid4), response)


@router.post(
    "/runs/{run_id}/cancel",
    status_code=202,
    response_model=RunSummary,
    responses={404: PROBLEM, 409: PROBLEM},
    summary="Stop a run",
)
def cancel(run_id: UUID, context: Use, person: Operator) -> dict[str, Any]:
    """A run that has not begun, or waits for approval, ends at once; one that is on is stopped, and undone."""
    rows_of(context, run_id)
    cancel_run(context.tools, run_id, person.owner)
    return run_summary(rows_of(context, run_id).run)


def _accepted(context: Context, run: UUID, response: Response) -> dict[str, Any]:
    response.headers["Location"] = f"/orchestrator/runs/{run}"
    return run_summary(rows_of(context, run).run)
