"""The first page: the services and how each one stands."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api_service.api.presenters import present_services
from api_service.api.routing import Use
from api_service.ui.rendering import HEADERS, page
from api_service.ui.routing import PageRoute
from api_service.ui.views.lists import service_lines
from api_service.ui.visitors import Viewer
from moonmind.workflows.orchestrator import read_models
from moonmind.workflows.orchestrator.approval_gates import list_gates
from moonmind.workflows.orchestrator.serializers import run_summary

router = APIRouter(route_class=PageRoute)


@router.get("/")
@router.get("/ui")
def begin() -> Response:
    """The pages begin with the services."""
    return RedirectResponse("/ui/services", 303, headers=HEADERS)


@router.get("/ui/services")
def show_services(request: Request, context: Use, visitor: Viewer) -> Response:
    """Every service with its gate, its lock and its last run."""
    gates = {service: gate for service, (gate, _) in list_gates(context.tools).items()}
    with context.engine.connect() as connection:
        last, holders = read_models.last_runs(connection), read_models.lock_holders(connection)
        outcomes = read_models.last_outcomes(connection)
    services = present_services(context.tools.catalog, gates, last, holders)
    shown, told = ({name: run_summary(row) for name, row in rows.items()} for rows in (last, outcomes))
    lines = service_lines(services, shown, told)
    return page(request, "services.html", visitor, services=lines)
