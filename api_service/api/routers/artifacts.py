"""The bytes of artifacts: by a signed address or a key; always as a download, never as a page."""

from __future__ import annotations

from itertools import chain
from pathlib import PurePosixPath
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials

from api_service.api.problems import Problem
from api_service.api.routing import PROBLEM, Use
from api_service.api.security import bearer, identify
from moonmind.access.keys import may
from moonmind.workflows.orchestrator import read_models

HEADERS = {"Content-Security-Policy": "sandbox; default-src 'none'", "Accept-Ranges": "none"}

router = APIRouter(prefix="/orchestrator", tags=["artifacts"])


def may_read(
    run_id: UUID,
    artifact_id: UUID,
    context: Use,
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    token: Annotated[str | None, Query(max_length=500, description="From `download_url`")] = None,
) -> None:
    """A valid address, or a key that may look. An altered or expired address opens nothing: 403."""
    if token is None:
        if not may(identify(request, context, credentials).person.roles, "viewer"):
            raise Problem(403, "not_allowed", "this key may not read runs", "Ask an admin for the role viewer.")
        return
    if context.addresses.unsign(token) != f"{run_id}/{artifact_id}":
        raise Problem(403, "address_expired", "this address is not valid (any more)", "List the artifacts again.")


@router.get(
    "/runs/{run_id}/artifacts/{artifact_id}/content",
    dependencies=[Depends(may_read)],
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}, 304: {}, 401: PROBLEM, 403: PROBLEM, 404: PROBLEM},
    summary="Download a file of a run",
)
def read_content(
    run_id: UUID, artifact_id: UUID, context: Use, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """The bytes; the ETag is their SHA-256."""
    with context.engine.connect() as connection:
        row = read_models.find_artifact(connection, run_id, artifact_id)
    if row is None:
        raise Problem(404, "artifact_not_found", "there is no such artifact", "List the run's artifacts.")
    etag = f'"{row["sha256"]}"'
    if if_none_match == etag:
        return Response(status_code=304, headers={"ETag": etag})
    name = PurePosixPath(row["path"]).name
    headers = {**HEADERS, "ETag": etag, "Content-Disposition": f'attachment; filename="{_plain(name)}"'}
    pieces = context.tools.artifacts.chunks(run_id, row["path"])
    try:
        first = next(pieces, b"")
    except OSError:
        raise Problem(404, "artifact_gone", "the file is gone", "It was removed from the artifact folder.") from None
    return StreamingResponse(chain([first], pieces), media_type="application/octet-stream", headers=headers)


def _plain(name: str) -> str:
    """A file name that cannot end the header it stands in."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in name)
