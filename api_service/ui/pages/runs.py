"""The list of runs, and the form that asks for one."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api_service.api.context import Context
from api_service.api.cursors import decode_cursor, encode_cursor
from api_service.api.problems import Problem
from api_service.api.refusals import refusal_of
from api_service.api.routing import NO_NUL, Use
from api_service.api.schemas import CreateRun
from api_service.ui.forms import Fields, Form, InvalidFormError, check
from api_service.ui.rendering import go_to, page
from api_service.ui.routing import PageRoute
from api_service.ui.views.advice import advised
from api_service.ui.views.lists import SINCE, Filter, run_lines, status_choices
from api_service.ui.visitors import Operator, Viewer, Visitor
from moonmind.schemas.workflow_models import RunStatus
from moonmind.workflows.orchestrator import read_models
from moonmind.workflows.orchestrator.serializers import run_summary
from moonmind.workflows.orchestrator.service_profiles import UnknownServiceError
from moonmind.workflows.orchestrator.use_cases import IdempotencyConflictError, RunRequest, submit_run

PAGE = 30

router = APIRouter(prefix="/ui/runs", route_class=PageRoute)


@router.get("")
def show_runs(
    request: Request,
    context: Use,
    visitor: Viewer,
    status: Annotated[list[RunStatus], Query()] = [],  # noqa: B006 - read by the framework, never changed
    service: Annotated[str, Query(max_length=63, pattern=NO_NUL)] = "",
    since: Annotated[str, Query(max_length=8)] = "",
    q: Annotated[str, Query(max_length=200, pattern=NO_NUL)] = "",
    cursor: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """A page of runs, newest first, with what it leaves out."""
    chosen = Filter(tuple(status), service, since if since in SINCE else "", q.strip())
    rows, more = _list(context, chosen, cursor)
    following = encode_cursor(rows[-1]["queued_at"], rows[-1]["id"]) if more else ""
    return page(
        request,
        "runs.html",
        visitor,
        runs=run_lines([run_summary(row) for row in rows], datetime.now(UTC)),
        filter=chosen,
        statuses=status_choices(chosen.status),
        services=context.tools.catalog.names(),
        since=[(value, label) for value, (label, _) in SINCE.items()],
        paged=bool(cursor),
        newest=chosen.query(),
        older=chosen.query(cursor=following) if more else "",
    )


@router.get("/new")
def show_form(
    request: Request,
    context: Use,
    visitor: Operator,
    service: Annotated[str, Query(max_length=63, pattern=NO_NUL)] = "",
) -> Response:
    """An empty form, for this service if one is named."""
    return _form(request, context, visitor, {"target_service": service, "instruction": "", "priority": "normal"})


@router.post("")
def create(request: Request, context: Use, visitor: Operator, sent: Form) -> Response:
    """Ask for the run, or its preview; the form again with what was wrong."""
    values = {name: sent.one(name) for name in ("target_service", "instruction", "priority")}
    try:
        run = _submit(context, visitor, sent, values)
    except InvalidFormError as error:
        return _form(request, context, visitor, values, 422, errors=error.errors)
    except (UnknownServiceError, IdempotencyConflictError) as error:
        problem = refusal_of(error)
        return _form(request, context, visitor, values, problem.status_code, refused=problem)
    return go_to(f"/ui/runs/{run}", "previewing" if sent.one("dry_run") == "yes" else "asked")


def _list(context: Context, chosen: Filter, cursor: str) -> tuple[list[read_models.Row], bool]:
    """A page of rows, and whether there are older ones."""
    _, back = SINCE[chosen.since]
    wanted = read_models.RunFilter(
        status=chosen.status,
        service=chosen.service or None,
        created_after=datetime.now(UTC) - back if back else None,
        text=chosen.text or None,
        after=decode_cursor(cursor) if cursor else None,
        limit=PAGE,
    )
    with context.engine.connect() as connection:
        rows = read_models.list_runs(connection, wanted)
    return rows[:PAGE], len(rows) > PAGE


def _submit(context: Context, visitor: Visitor, sent: Fields, values: dict[str, str]) -> uuid.UUID:
    """Raises InvalidFormError, and what `submit_run` raises."""
    body = check(CreateRun, {**values, "dry_run": sent.one("dry_run") == "yes"})
    asked = RunRequest(
        instruction=body.instruction,
        target_service=body.target_service,
        priority=body.priority,
        dry_run=body.dry_run,
        idempotency_key=_key_of(sent, body.dry_run),
    )
    return submit_run(context.tools, asked, visitor.owner, uuid.uuid4)


def _key_of(sent: Fields, dry_run: bool) -> str | None:
    """A form that is sent twice asks once; as a preview and for real are two wishes."""
    key = sent.one("idempotency_key")
    return f"form:{key[:64]}:{'preview' if dry_run else 'run'}" if key.isalnum() else None


def _form(
    request: Request,
    context: Context,
    visitor: Visitor,
    values: dict[str, str],
    status: int = 200,
    errors: Any = None,
    refused: Problem | None = None,
) -> Response:
    return page(
        request,
        "new_run.html",
        visitor,
        status,
        services=context.tools.catalog.names(),
        values=values,
        errors=errors or {},
        refused=advised(refused),
        idempotency_key=uuid.uuid4().hex,
    )
