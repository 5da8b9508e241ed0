"""Style, script and picture."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api_service.api.problems import Problem
from api_service.ui.routing import PageRoute
from api_service.ui.static_files import FOREVER, static_files

router = APIRouter(prefix="/ui", route_class=PageRoute)


@router.get("/static/{name}")
def send_static(name: str) -> Response:
    """One of the files that came with this release; open to all, since the sign-in needs them."""
    file = static_files().get(name)
    if file is None:
        raise Problem(404, "not_found", "there is no such file", "Load the page again.")
    headers = {"Cache-Control": FOREVER, "ETag": f'"{file.digest}"'}
    return Response(file.content, media_type=file.media_type, headers=headers)
