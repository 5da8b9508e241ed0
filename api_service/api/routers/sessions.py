"""Sessions of the web pages over JSON: a key is shown once, a cookie stands for it from then on."""

from __future__ import annotations

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from api_service.api.context import Context
from api_service.api.cookies import csrf_token
from api_service.api.problems import Problem
from api_service.api.routers.keys import Me, Name, present_me
from api_service.api.routing import PROBLEM, REFUSALS, Use
from api_service.api.security import Anybody
from api_service.api.signing_in import sign_in, sign_out
from api_service.api.strict_json import Body, StrictRoute
from moonmind.access.keys import SignedIn, may
from moonmind.access.sessions import close_all_of

log = logging.getLogger(__name__)

router = APIRouter(prefix="/sessions", tags=["sessions"], route_class=StrictRoute, responses=REFUSALS)


class SignIn(Body):
    """A key of the API."""

    key: Annotated[str, Field(min_length=1, max_length=128, examples=["mm_…"])]


class CurrentSession(Me):
    """Who signed in, and what each change by this session sends as `X-CSRF-Token`."""

    csrf_token: str


class Closed(BaseModel):
    """How many sessions were ended."""

    closed: int


def present_session(context: Context, session: SignedIn) -> dict[str, Any]:
    """As the API says it."""
    return {**present_me(session), "csrf_token": csrf_token(context, session)}


@router.post("", status_code=201, response_model=CurrentSession, summary="Sign in with a key")
def create(body: SignIn, request: Request, response: Response, context: Use) -> dict[str, Any]:
    """The answer sets the cookie of a new session; the one before, if there was one, ends. 401 for a wrong key."""
    return present_session(context, sign_in(request, response, context, body.key))


@router.get("/current", response_model=CurrentSession, responses={404: PROBLEM}, summary="My session")
def show(context: Use, caller: Anybody) -> dict[str, Any]:
    """Whose it is, until when at most, and the token that each of its changes sends along. 404 for a key's request."""
    _check_session(caller)
    return present_session(context, caller)


@router.delete("/current", status_code=204, responses={404: PROBLEM}, summary="Sign out")
def end(request: Request, context: Use, caller: Anybody) -> Response:
    """The session ends at once, and the browser forgets its cookie. 404 for a key's request."""
    _check_session(caller)
    response = Response(status_code=204)
    sign_out(request, response, context)
    return response


@router.delete("", response_model=Closed, summary="Sign out everywhere")
def end_all(
    context: Use, caller: Anybody, owner: Annotated[Name | None, Query(description="Somebody else; admins only")] = None
) -> dict[str, Any]:
    """All my sessions end, in every browser; an admin may name whose. Keys stay valid."""
    whose = owner or caller.person.owner
    if whose.lower() != caller.person.owner.lower() and not may(caller.person.roles, "admin"):
        raise Problem(403, "not_allowed", "these are somebody else's sessions", "Ask an admin, or leave `owner` out.")
    closed = close_all_of(context.engine, whose)
    log.info("signed out everywhere: %s, by %s (%d sessions)", whose, caller.person.owner, closed)
    return {"closed": closed}


def _check_session(caller: SignedIn) -> None:
    if caller.session_id is None:
        raise Problem(404, "no_session", "this request came with a key", "GET /keys/me says whose; a key is revoked.")
