"""Runs and services: each route checks, calls one use case, answers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime

from api_service.api.context import Context, context_of
from api_service.api.cursors import decode_cursor, encode_cursor
from api_service.api.presenters import present_artifacts, present_services
from api_service.api.problems import Problem, invalid_request
from api_service.api.schemas import ArtifactList, CreateRun, ProblemDetails, RunDetail, RunList, RunSummary, ServiceList
from api_service.api.security import Operator, Viewer
from api_service.api.strict_json import StrictRoute
from moonmind.schemas.workflow_models import RunStatus
from moonmind.workflows.orchestrator import read_models
from moonmind.workflows.orchestrator.serializers import run_detail, run_summary
from moonmind.workflows.orchestrator.service_profiles import UnknownServiceError
from moonmind.workflows.orchestrator.use_cases import (
    IdempotencyConflictError,
    RunOverError,
    RunRequest,
    cancel_run,
    submit_run,
)

PROBLEM: dict[str, Any] = {"model": ProblemDetails, "content": {"application/problem+json": {}}}
REFUSALS: dict[int | str, dict[str, Any]] = dict.fromkeys((401, 403, 422, 503), PROBLEM)

NO_NUL = r"^[^\x00]*$"
"""PostgreSQL's text cannot hold it."""

router = APIRouter(prefix="/orchestrator", tags=["runs"], route_class=StrictRoute, responses=REFUSALS)

Use = Annotated[Context, Depends(context_of)]
IdempotencyKey = Annotated[
    str | None,
    Header(description="The same key and body give the same run.", min_length=1, max_length=200, pattern=r"^[!-~]+$"),
]


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
    request = RunRequest(
        instruction=body.instruction,
        target_service=body.target_service,
        priority=body.priority,
        dry_run=body.dry_run,
        idempotency_key=idempotency_key,
    )
    try:
        run = submit_run(context.tools, request, person.owner, uuid.uuid4)
    except UnknownServiceError as error:
        raise Problem(
            400,
            "unknown_service",
            str(error),
            f"Known services: {', '.join(error.known) or 'none; add one to config.toml'}.",
            known_services=list(error.known),
        ) from None
    except IdempotencyConflictError:
        raise Problem(
            409, "idempotency_conflict", "this Idempotency-Key came with another request", "Use a new key."
        ) from None
    response.headers["Location"] = f"/orchestrator/runs/{run}"
    return run_summary(_rows(context, run).run)


@router.get("/runs", response_model=RunList, summary="List runs, newest first")
def list_runs(
    context: Use,
    person: Viewer,
    status: Annotated[list[RunStatus], Query()] = [],  # noqa: B006 - read by the framework, never changed
    service: Annotated[str | None, Query(max_length=63, pattern=NO_NUL)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    created_after: AwareDatetime | None = None,
    created_before: AwareDatetime | None = None,
    q: Annotated[str | None, Query(max_length=200, pattern=NO_NUL, description="Text in the instruction")] = None,
) -> dict[str, Any]:
    """A page of runs and the cursor of the next one."""
    wanted = read_models.RunFilter(
        status=tuple(status),
        service=service,
        created_after=created_after,
        created_before=created_before,
        text=q,
        after=decode_cursor(cursor) if cursor else None,
        limit=limit,
    )
    with context.engine.connect() as connection:
        rows = read_models.list_runs(connection, wanted)
    page, more = rows[:limit], len(rows) > limit
    following = encode_cursor(page[-1]["queued_at"], page[-1]["id"]) if more else None
    return {"runs": [run_summary(row) for row in page], "next_cursor": following}


@router.get("/runs/{run_id}", response_model=RunDetail, responses={404: PROBLEM}, summary="Look at one run")
def show_run(run_id: UUID, context: Use, person: Viewer) -> dict[str, Any]:
    """Plan, steps, artifacts and how it ended."""
    rows = _rows(context, run_id)
    return run_detail(rows.run, rows.plan, rows.steps, present_artifacts(context, run_id, rows.artifacts))


@router.post(
    "/runs/{run_id}/cancel",
    status_code=202,
    response_model=RunSummary,
    responses={404: PROBLEM, 409: PROBLEM},
    summary="Stop a run",
)
def cancel(run_id: UUID, context: Use, person: Operator) -> dict[str, Any]:
    """A run that has not begun ends at once; one that is on is stopped, and what it did is undone."""
    _rows(context, run_id)
    try:
        cancel_run(context.tools, run_id, person.owner)
    except RunOverError:
        raise Problem(409, "run_over", "the run has ended", "GET the run to see how.") from None
    return run_summary(_rows(context, run_id).run)


@router.get("/runs/{run_id}/artifacts", response_model=ArtifactList, responses={404: PROBLEM}, summary="Files of a run")
def list_artifacts(run_id: UUID, context: Use, person: Viewer) -> dict[str, Any]:
    """Every file with its checksum and an address that expires."""
    return {"artifacts": present_artifacts(context, run_id, _rows(context, run_id).artifacts)}


@router.get("/services", response_model=ServiceList, tags=["services"], summary="What can be repaired")
def list_services(context: Use, person: Viewer) -> dict[str, Any]:
    """The profiles, without secrets, with their lock and their last run."""
    with context.engine.connect() as connection:
        last, holders = read_models.last_runs(connection), read_models.lock_holders(connection)
    return {"services": present_services(context.tools.catalog, last, holders)}


def _rows(context: Context, run: UUID) -> read_models.RunRows:
    with context.engine.connect() as connection:
        rows = read_models.find_run(connection, run)
    if rows is None:
        raise Problem(404, "run_not_found", f"there is no run {run}", "GET /orchestrator/runs lists the runs.")
    return rows
