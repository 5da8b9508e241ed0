"""Evidence of a run for people who were not there: one signed file, and the key that signs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from api_service.api.routing import PROBLEM, REFUSALS, Use, no_such_run
from api_service.api.schemas import EvidenceKey
from api_service.api.security import Viewer
from api_service.api.strict_json import StrictRoute
from moonmind.workflows.orchestrator.approvals import RunNotFoundError
from moonmind.workflows.orchestrator.evidence import export_evidence

MEDIA_TYPE = "application/x-tar"
HEADERS = {"Content-Security-Policy": "sandbox; default-src 'none'", "Cache-Control": "no-store"}

router = APIRouter(prefix="/orchestrator", tags=["evidence"], route_class=StrictRoute, responses=REFUSALS)


@router.get(
    "/runs/{run_id}/evidence",
    response_class=Response,
    responses={200: {"content": {MEDIA_TYPE: {}}}, 404: PROBLEM},
    summary="Download the evidence of a run",
)
def read_evidence(run_id: UUID, context: Use, person: Viewer) -> Response:
    """A tar with run, plans, steps, approvals, record and files, and a signed manifest of them; the run may still be
    on, and the manifest says so. Check it with `moonmind runs verify FILE`. Pre-images are in it by checksum only."""
    try:
        pieces = export_evidence(context.tools, run_id, person.owner)
    except RunNotFoundError:
        raise no_such_run(run_id) from None
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="run-{run_id}.evidence.tar"'}
    return StreamingResponse(pieces, media_type=MEDIA_TYPE, headers=headers)


@router.get("/evidence-key", response_model=EvidenceKey, summary="The key that signs evidence")
def show_key(context: Use, person: Viewer) -> dict[str, Any]:
    """Its fingerprint and public half: what a verifier must know from elsewhere than the bundle."""
    key = context.tools.signer.public
    return {"key_id": key.key_id, "algorithm": "Ed25519", "public_key": key.pem}
