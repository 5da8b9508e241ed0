"""What waits and who works."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api_service.api.routing import Use
from api_service.ui.rendering import page
from api_service.ui.routing import PageRoute
from api_service.ui.views.system import count_tiles, lease_lines, part_tiles
from api_service.ui.visitors import Viewer
from moonmind.workflows.orchestrator import read_models
from moonmind.workflows.orchestrator.bootstrap import broker_answers, expected_schema, found_schema

router = APIRouter(prefix="/ui/system", route_class=PageRoute)


@router.get("")
def show_system(request: Request, context: Use, visitor: Viewer) -> Response:
    """From the rows, which decide; the broker is only asked whether it answers."""
    with context.engine.connect() as connection:
        state = read_models.system_state(connection)
    return page(
        request,
        "system.html",
        visitor,
        parts=part_tiles(
            state,
            broker=broker_answers(context.settings),
            found=found_schema(context.engine),
            expected=expected_schema(),
        ),
        counts=count_tiles(state.runs),
        leases=lease_lines(state),
    )
