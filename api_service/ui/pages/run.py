"""The page of one run."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from api_service.api.context import Context
from api_service.api.presenters import present_artifacts
from api_service.api.problems import Problem
from api_service.api.routing import Use, rows_of
from api_service.ui import run_files
from api_service.ui.rendering import page
from api_service.ui.routing import PageRoute
from api_service.ui.views.actions import actions_for
from api_service.ui.views.advice import advised
from api_service.ui.views.retrying import start_choices
from api_service.ui.views.run import (
    Queue,
    Worker,
    answers_of,
    callout_of,
    duration_of,
    edits_of,
    files_of,
    is_over,
    steps_of,
    waiting_for,
)
from api_service.ui.views.words import REQUIREMENT, badge_of_run
from api_service.ui.visitors import Viewer, Visitor
from moonmind.schemas.approvals import ApprovalGate
from moonmind.workflows.orchestrator import read_models
from moonmind.workflows.orchestrator.approval_gates import list_gates
from moonmind.workflows.orchestrator.gates import same_person
from moonmind.workflows.orchestrator.retry import retry_starts
from moonmind.workflows.orchestrator.serializers import run_detail

router = APIRouter(prefix="/ui/runs", route_class=PageRoute)


@router.get("/{run_id}")
def show_run(request: Request, run_id: UUID, context: Use, visitor: Viewer) -> Response:
    """Where it stands and why, what it did, and what can be done about it."""
    return run_page(request, context, visitor, run_id)


def run_page(
    request: Request,
    context: Context,
    visitor: Visitor,
    run_id: UUID,
    status: int = 200,
    *,
    refused: Problem | None = None,
    comment: str = "",
    token: Any = None,
) -> Response:
    """The page, after an action with what was refused, or with the token that was made."""
    rows = rows_of(context, run_id)
    now = rows.now
    run = run_detail(rows.run, rows.plan, rows.steps, (), rows.approvals, rows.gate, rows.now)
    return page(
        request,
        "run.html",
        visitor,
        status,
        run=run,
        id=str(run_id),
        short=str(run_id)[:8],
        over=is_over(run),
        refused=advised(refused),
        comment=comment,
        token=token,
        **_standing(context, visitor, rows, run, now),
        **_contents(context, run_id, rows, run, now),
    )


def _standing(context: Context, visitor: Visitor, rows: read_models.RunRows, run: Any, now: datetime) -> dict[str, Any]:
    """Where the run stands, why, and what this visitor may do about it."""
    gate = _gate_of(context, run["target_service"])
    worker = Worker(rows.run["lease_owner"], rows.run["lease_expires_at"], rows.run["cancel_requested_at"] is not None)
    can = actions_for(run, gate, visitor.approver, now, cancel_asked=worker.cancel_asked)
    starts = start_choices(*retry_starts(context.tools, run["run_id"])) if can.retry else []
    theirs = {a["approver"] for a in run["approvals"] if _may_revoke(visitor, a["approver"])}
    kept = "what it changed is put back" if rows.run["progress"].get("touched") else "nothing was changed yet"
    return {
        "head": badge_of_run(run["status"], rollback_verified=run["rollback_verified"]),
        "took": duration_of(run, now),
        "callout": callout_of(run, _queue(context, rows.run), worker, now),
        "worker": worker,
        "waiting_for": waiting_for(run) if run["awaiting"] else "",
        "can": can,
        "starts": starts,
        "gate": gate,
        "gate_badge": REQUIREMENT[gate.requirement],
        "answers": answers_of(run, frozenset(theirs) if run["awaiting"] else frozenset()),
        "cancel_words": f"It is stopped; {kept}.",
    }


def _contents(context: Context, run_id: UUID, rows: read_models.RunRows, run: Any, now: datetime) -> dict[str, Any]:
    """What the run did and left: steps with their logs, plan, change, files."""
    artifacts = present_artifacts(context, run_id, rows.artifacts)
    logs = run_files.logs_of(context.tools.artifacts, run_id, run["steps"], artifacts)
    diff = run_files.diff_of(context.tools.artifacts, run_id, artifacts)
    planned = {s["name"] for s in run["action_plan"]["steps"] if not s["parameters"].get("skip")} if rows.plan else ()
    looks = [s for s in run["steps"] if s["name"] == "analyze" and s["status"] == "succeeded"]
    edits = edits_of(rows.plan)
    return {
        "steps": steps_of(run, now),
        "logs": logs,
        "diff": diff,
        "diff_gone": diff is None and bool(edits) and "patch" in planned,
        "rationale": looks[-1]["message"] if looks and edits else "",
        "edits": edits,
        "findings": run_files.findings_of(context.tools.artifacts, run_id, run["steps"]),
        "files": files_of(artifacts),
    }


def _gate_of(context: Context, service: str) -> ApprovalGate:
    """The gate in force; none for a service that is not configured here any more."""
    gates = list_gates(context.tools)
    return gates[service][0] if service in gates else ApprovalGate()


def _queue(context: Context, row: read_models.Row) -> Queue:
    if row["status"] != "pending":
        return Queue(row["lock_group"])
    with context.engine.connect() as connection:
        holder = read_models.lock_holders(connection).get(row["lock_group"])
        ahead = read_models.count_ahead(connection, row)
    return Queue(row["lock_group"], str(holder) if holder and holder != row["id"] else None, ahead)


def _may_revoke(visitor: Visitor, approver: str) -> bool:
    return same_person(approver, visitor.owner) or visitor.may("admin")
