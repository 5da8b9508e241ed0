"""Runs that wait for somebody's word."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api_service.api.routing import Use
from api_service.ui.rendering import page
from api_service.ui.routing import PageRoute
from api_service.ui.views.waiting import waiting_line
from api_service.ui.visitors import Viewer
from moonmind.schemas.workflow_models import RunStatus
from moonmind.workflows.orchestrator import read_models
from moonmind.workflows.orchestrator.serializers import run_detail

MOST = 100

router = APIRouter(prefix="/ui/approvals", route_class=PageRoute)


@router.get("")
def show_approvals(request: Request, context: Use, visitor: Viewer) -> Response:
    """First those that wait for whoever looks, then the others with the reason."""
    wanted = read_models.RunFilter(status=(RunStatus.AWAITING_APPROVAL,), limit=MOST)
    with context.engine.connect() as connection:
        listed = read_models.list_runs(connection, wanted)
        found = [read_models.find_run(connection, row["id"]) for row in listed[:MOST]]
    details = [(run_detail(r.run, r.plan, r.steps, (), r.approvals, r.gate, r.now), r.now) for r in found if r]
    lines = [waiting_line(run, visitor.approver, now) for run, now in details if run["awaiting"]]
    mine, others = [line for line in lines if not line.reason], [line for line in lines if line.reason]
    return page(request, "approvals.html", visitor, mine=mine, others=others, more=len(listed) > MOST)
