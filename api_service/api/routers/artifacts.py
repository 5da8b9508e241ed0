"""The bytes of artifacts: by a signed address or a key; always as a download, never as a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.security import APIKeyQuery, HTTPAuthorizationCredentials

from api_service.api.context import Context
from api_service.api.problems import Problem
from api_service.api.ranges import Part, UnsatisfiableError, is_known, part_of
from api_service.api.routing import PROBLEM, REFUSALS, Use, headers_of
from api_service.api.security import bearer, identify
from moonmind.access.keys import may
from moonmind.schemas.workflow_models import ArtifactType
from moonmind.workflows.orchestrator import read_models
from moonmind.workflows.orchestrator.ports import PathRefusedError
from moonmind.workflows.orchestrator.read_models import Row

HEADERS = {"Content-Security-Policy": "sandbox; default-src 'none'", "Accept-Ranges": "bytes"}
BYTES = "application/octet-stream"
BINARY = {BYTES: {"schema": {"type": "string", "format": "binary"}}}
PIECE = 256 * 1024
CONTENT_PATH = "/runs/{run_id}/artifacts/{artifact_id}/content"
FILE_HEADERS = headers_of("ETag", "Accept-Ranges", "Content-Disposition")
PART_HEADERS = headers_of("ETag", "Accept-Ranges", "Content-Disposition", "Content-Range")
NOT_MODIFIED: dict[str, Any] = {"description": "The client has it already", "headers": headers_of("ETag")}

router = APIRouter(prefix="/orchestrator", tags=["artifacts"], responses={**REFUSALS, 404: PROBLEM})


signed = APIKeyQuery(name="token", scheme_name="SignedAddress", description="From `download_url`", auto_error=False)


def may_read(
    run_id: UUID,
    artifact_id: UUID,
    context: Use,
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    token: Annotated[str | None, Depends(signed)],
) -> None:
    """A valid address, or a key that may look. An altered or expired address opens nothing: 403."""
    if token is None:
        if not may(identify(request, context, credentials).person.roles, "viewer"):
            raise Problem(403, "not_allowed", "this key may not read runs", "Ask an admin for the role viewer.")
        return
    if context.addresses.unsign(token) != f"{run_id}/{artifact_id}":
        raise Problem(403, "address_expired", "this address is not valid (any more)", "List the artifacts again.")


IfNoneMatch = Annotated[str | None, Header(max_length=4000, description="ETags of what the client has, or `*`")]
Range = Annotated[
    str | None,
    Header(alias="Range", max_length=4000, description="One range, `bytes=0-1023`; of several, the whole is sent"),
]
IfRange = Annotated[str | None, Header(max_length=200, description="The ETag of what the client has a part of")]


@router.head(
    CONTENT_PATH,
    dependencies=[Depends(may_read)],
    response_class=Response,
    responses={200: {"description": "What GET would say", "headers": FILE_HEADERS}, 304: NOT_MODIFIED},
    summary="Look at a file of a run without its bytes",
)
def look_at_content(run_id: UUID, artifact_id: UUID, context: Use, if_none_match: IfNoneMatch = None) -> Response:
    """Size and ETag."""
    row = _readable(context, run_id, artifact_id)
    if is_known(if_none_match, _etag(row)):
        return Response(status_code=304, headers=_headers(row))
    return Response(headers={**_headers(row), "Content-Length": str(row["size_bytes"])}, media_type=BYTES)


@router.get(
    CONTENT_PATH,
    dependencies=[Depends(may_read)],
    response_class=Response,
    responses={
        200: {"description": "The whole file", "content": BINARY, "headers": FILE_HEADERS},
        206: {"description": "The part that was asked for", "content": BINARY, "headers": PART_HEADERS},
        304: NOT_MODIFIED,
        416: {**PROBLEM, "description": "The range begins behind the end"},
    },
    summary="Download a file of a run",
)
def read_content(
    run_id: UUID,
    artifact_id: UUID,
    context: Use,
    if_none_match: IfNoneMatch = None,
    wanted: Range = None,
    if_range: IfRange = None,
) -> Response:
    """The bytes, whole or one range; the ETag is the SHA-256 of the whole, as the list of artifacts has it.

    A file kept for an undoing is refused (403 `holds_secrets`) if it holds a secret: a masked copy would not be that
    file, and its checksum that of another one.
    """
    row = _readable(context, run_id, artifact_id)
    if is_known(if_none_match, _etag(row)):
        return Response(status_code=304, headers=_headers(row))
    part = _part(row, wanted, if_range)
    pieces = _pieces(context, run_id, row["path"], part or Part(0, row["size_bytes"] - 1))
    headers = {**_headers(row), "Content-Length": str(part.length if part else row["size_bytes"])}
    if part is None:
        return StreamingResponse(pieces, media_type=BYTES, headers=headers)
    headers["Content-Range"] = f"bytes {part.first}-{part.last}/{row['size_bytes']}"
    return StreamingResponse(pieces, 206, media_type=BYTES, headers=headers)


def _readable(context: Context, run: UUID, artifact: UUID) -> Row:
    """The row of a file that is there and may be sent. Problem 404 or 403 otherwise."""
    with context.engine.connect() as connection:
        row = read_models.find_artifact(connection, run, artifact)
    if row is None:
        raise Problem(404, "artifact_not_found", "there is no such artifact", "List the run's artifacts.")
    try:
        size = context.tools.artifacts.size(run, row["path"])
        if size is None or size < row["size_bytes"]:
            raise FileNotFoundError
        if row["type"] == ArtifactType.PRE_IMAGE:
            _refuse_secrets(context, context.tools.artifacts.get(run, row["path"]) or b"")
    except (OSError, PathRefusedError):
        remedy = "It was removed from the artifact folder, or altered there."
        raise Problem(404, "artifact_gone", "the file is gone", remedy) from None
    return row


def _refuse_secrets(context: Context, content: bytes) -> None:
    if context.tools.redactor.data(content) != content:
        detail = "this file was kept for an undoing as it was, and it holds a secret"
        raise Problem(403, "holds_secrets", detail, "Read it on the machine itself, in the run's artifact folder.")


def _part(row: Row, wanted: str | None, if_range: str | None) -> Part | None:
    """The part to send, None for the whole. Problem 416 for what lies behind the end."""
    size = row["size_bytes"]
    try:
        return part_of(wanted, if_range, _etag(row), size)
    except UnsatisfiableError:
        detail, remedy = f"the file has {size} bytes", "Ask for a range within it, or without `Range` for the whole."
        headers = {**HEADERS, "Content-Range": f"bytes */{size}"}
        raise Problem(416, "range_not_satisfiable", detail, remedy, headers=headers) from None


def _pieces(context: Context, run: UUID, path: str, part: Part) -> Iterator[bytes]:
    """Exactly these bytes: what a log grew by since it was recorded is not what the ETag speaks of."""
    at = part.first
    while at <= part.last:
        piece = context.tools.artifacts.read_from(run, path, at, min(PIECE, part.last + 1 - at))
        if not piece:
            raise FileNotFoundError(path)  # removed in this moment: the connection breaks, so nobody takes it for whole
        yield piece
        at += len(piece)


def _etag(row: Row) -> str:
    return f'"{row["sha256"]}"'


def _headers(row: Row) -> dict[str, str]:
    name = _plain(PurePosixPath(row["path"]).name)
    return {**HEADERS, "ETag": _etag(row), "Content-Disposition": f'attachment; filename="{name}"'}


def _plain(name: str) -> str:
    """A file name that cannot end the header it stands in."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in name)
