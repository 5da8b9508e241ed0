"""Numbers for Prometheus. Programs of this machine may read them without a key, unless settings say otherwise."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from api_service.api.context import Context, context_of
from api_service.api.routing import PROBLEM
from api_service.api.security import Credentials, identify, needs

router = APIRouter(tags=["health"])

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
"""A request with one of these came through a proxy: whoever asks is somewhere else."""


def scraper(
    request: Request,
    context: Annotated[Context, Depends(context_of)],
    credentials: Credentials,
) -> None:
    """Lets through programs of this machine, or else a key that may look. 401 and 403 otherwise."""
    if context.settings.metrics.access == "loopback" and is_local(request):
        return
    needs("viewer")(identify(request, context, credentials))


def is_local(request: Request) -> bool:
    """Whether it comes from this machine by itself."""
    if request.client is None or any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


OPEN_METRICS = "application/openmetrics-text"
TEXT = {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus' text format."}


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: TEXT, 401: PROBLEM, 403: PROBLEM},
    dependencies=[Depends(scraper)],
    summary="Numbers for Prometheus",
)
def metrics(request: Request) -> Response:
    """The text format, or OpenMetrics for those that accept it. Without a database `…_database_up` is 0."""
    registry = request.app.state.registry
    assert isinstance(registry, CollectorRegistry)
    wanted = OPEN_METRICS if OPEN_METRICS in request.headers.get("accept", "") else ""
    encode, content_type = choose_encoder(wanted)  # which is not up to every header that people send
    return Response(encode(registry), media_type=content_type)
