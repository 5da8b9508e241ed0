"""Following a run as it happens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response

from api_service.api.live.hub import NoStreamFreeError, Waiter
from api_service.api.live.reader import RunReader
from api_service.api.live.stream import EventStream, Follower
from api_service.api.problems import Problem
from api_service.api.routing import PROBLEM, REFUSALS, Use
from api_service.api.security import Credentials, Viewer, identify
from moonmind.access.keys import may
from moonmind.workflows.orchestrator.approvals import RunNotFoundError
from moonmind.workflows.orchestrator.event_stream import BEGINNING, ID_FORM, EventId, parse_event_id

HEADERS = {"X-Accel-Buffering": "no"}
"""Proxies that know it pass each event on at once."""
RETRY_AFTER = {"Retry-After": "5"}
EVENT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "event": {"enum": ["state", "log", "end"]},
        "id": {"type": "string", "pattern": ID_FORM},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "id", "data"],
}
"""One event of the stream."""

router = APIRouter(prefix="/orchestrator", tags=["runs"], responses=REFUSALS)


async def take_place(run_id: UUID, context: Use, person: Viewer) -> AsyncIterator[Waiter]:
    """A place among the streams for as long as the answer takes. Problem 503 when there is none."""
    try:
        with context.live.stream(run_id) as waiter:
            yield waiter
    except NoStreamFreeError:
        remedy = "Close another stream, try again in a moment, or GET the run now and then."
        detail = f"this process has {context.settings.api.event_streams} streams open, or is about to end"
        raise Problem(503, "too_many_streams", detail, remedy, headers=RETRY_AFTER) from None


def may_follow(request: Request, context: Use, credentials: Credentials) -> Callable[[], bool]:
    """What asks again whether whoever follows still may."""

    def ask() -> bool:
        try:
            return may(identify(request, context, credentials).person.roles, "viewer")
        except Problem:
            return False

    return ask


@router.get(
    "/runs/{run_id}/events",
    response_class=EventStream,
    responses={
        200: {"content": {"text/event-stream": {"schema": EVENT}}},
        204: {"description": "Nothing comes after `Last-Event-ID`: the run is over"},
        404: PROBLEM,
        409: PROBLEM,
    },
    summary="Follow a run",
)
def follow_run(
    run_id: UUID,
    context: Use,
    person: Viewer,
    waiter: Annotated[Waiter, Depends(take_place)],
    is_welcome: Annotated[Callable[[], bool], Depends(may_follow)],
    last_event_id: Annotated[
        str | None,
        Header(
            description="The last id that was received: the stream goes on after it",
            json_schema_extra={"pattern": ID_FORM},
        ),
    ] = None,
) -> Response:
    """Server-sent events, from the run's beginning to its end: `state` (an event of the run's record), `log` (a line of
    a step's log) and, last, `end` with the run's status. The order is always the same: a step's log comes right after
    the event that started it, and what else was recorded while it ran comes after its log.

    A stream may end at any time; it goes on without gap or repeat after the `Last-Event-ID` that a client sends.
    """
    reader = RunReader(context.engine, context.tools.artifacts, run_id)
    if not reader.is_known():
        raise RunNotFoundError
    reader = replace(reader, since=_since(reader, last_event_id))
    if reader.since.is_over:
        return Response(status_code=204)
    follower = Follower(context.live, waiter, reader, is_welcome, lambda: context.listener.is_on)
    return EventStream(follower.stream(), headers=HEADERS)


def _since(reader: RunReader, text: str | None) -> EventId:
    """The id that the client has. Problem 409 when this run's stream has no such id."""
    if text is None:
        return BEGINNING
    try:
        since = parse_event_id(text)
    except ValueError:
        raise _unknown("not an id of event streams") from None
    if not replace(reader, since=since).is_known():
        raise _unknown("the stream of this run has no such id")
    return since


def _unknown(message: str) -> Problem:
    errors = [{"field": "last-event-id", "message": message}]
    remedy = "Leave Last-Event-ID out: the stream then begins at the run's beginning."
    return Problem(409, "unknown_event_id", f"not valid: last-event-id ({message})", remedy, errors=errors)
