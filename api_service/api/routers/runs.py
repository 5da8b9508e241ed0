"""Looking at runs."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from api_service.api.approval_schemas import Moment
from api_service.api.cursors import CURSOR, decode_cursor, encode_cursor
from api_service.api.presenters import present_artifacts
from api_service.api.routing import NO_NUL, PROBLEM, REFUSALS, Use, rows_of
from api_service.api.schemas import ArtifactList, RunDetail, RunList
from api_service.api.security import Viewer
from api_service.api.strict_json import StrictRoute
from moonmind.schemas.workflow_models import RunStatus
from moonmind.workflows.orchestrator import read_models
from moonmind.workflows.orchestrator.serializers import run_detail, run_summary

router = APIRouter(prefix="/orchestrator", tags=["runs"], route_class=StrictRoute, responses=REFUSALS)


@router.get("/runs", response_model=RunList, summary="List runs, newest first")
def list_runs(
    context: Use,
    person: Viewer,
    status: Annotated[list[RunStatus], Query()] = [],  # noqa: B006 - read by the framework, never changed
    service: Annotated[str | None, Query(max_length=63, pattern=NO_NUL)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=50, pattern=CURSOR)] = None,
    created_after: Moment | None = None,
    created_before: Moment | None = None,
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
    """Plan, steps, artifacts, approvals and how it ended; while it waits for people, for whom."""
    rows = rows_of(context, run_id)
    artifacts = present_artifacts(context, run_id, rows.artifacts)
    return run_detail(rows.run, rows.plan, rows.steps, artifacts, rows.approvals, rows.gate, rows.now)


@router.get("/runs/{run_id}/artifacts", response_model=ArtifactList, responses={404: PROBLEM}, summary="Files of a run")
def list_artifacts(run_id: UUID, context: Use, person: Viewer) -> dict[str, Any]:
    """Every file with its checksum and an address that expires."""
    return {"artifacts": present_artifacts(context, run_id, rows_of(context, run_id).artifacts)}
