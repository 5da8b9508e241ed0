"""Who is asking, and whether they may."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api_service.api.context import Context, context_of
from api_service.api.cookies import IDENTIFIED, check_proof, read_cookie, sent_proof
from api_service.api.problems import Problem
from moonmind.access.keys import Person, SignedIn, may
from moonmind.access.sessions import find_session
from moonmind.access.use_cases import authenticate
from moonmind.schemas.approvals import Role

SIGN_IN_PAGE = "/ui/sign-in"
FIRST_PAGE = "/ui/services"
OUR_PAGE = re.compile(r"/ui(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*(\?[A-Za-z0-9._~=&%+:-]*)?", re.ASCII)
"""Paths without empty parts, dots that go up, back-slashes, encoded characters or anything else to quarrel about."""

bearer = HTTPBearer(auto_error=False, description="A key of the API: `mm_…`")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


class SignInNeededError(Exception):
    """A page was asked for by somebody who has not signed in."""


def install(app: FastAPI) -> None:
    """Lead who must sign in to the page for it."""
    app.add_exception_handler(SignInNeededError, _to_sign_in)


def identify(request: Request, context: Context, credentials: HTTPAuthorizationCredentials | None) -> SignedIn:
    """Who asks, by the key or else by the session's cookie. Problem 401 when neither opens anything."""
    found = authenticate(context.engine, credentials.credentials) if credentials else signed_in(request)
    setattr(request.state, IDENTIFIED, found is not None)
    if found is None:
        raise not_authenticated()
    request.state.person = found.person.owner
    return found


def not_authenticated() -> Problem:
    """401: there is no key, or none that opens anything."""
    remedy = "Send `Authorization: Bearer mm_…`; the first start wrote an admin key to var/admin.key."
    return Problem(401, "not_authenticated", "no valid key", remedy, headers={"WWW-Authenticate": "Bearer"})


def signed_in(request: Request) -> SignedIn | None:
    """Whose session the request's cookie names, None without one that is on. Proves no more than that: see `needs`."""
    context = context_of(request)
    secret = read_cookie(request, context)
    return find_session(context.engine, context.lasting, secret) if secret else None


def current_caller(
    request: Request,
    context: Annotated[Context, Depends(context_of)],
    credentials: Credentials,
    proof: Annotated[str | None, Depends(sent_proof)],
) -> SignedIn:
    """Who asks. 401 without a valid key or session; 403 for a change that a session's cookie alone asks for."""
    caller = identify(request, context, credentials)
    if caller.session_id is not None:
        check_proof(request, context, caller, proof)
    return caller


def needs(role: Role) -> Callable[[SignedIn], Person]:
    """A dependency: the person, if they hold the role. 403 otherwise."""

    def check(caller: Annotated[SignedIn, Depends(current_caller)]) -> Person:
        check_role(caller.person, role)
        return caller.person

    return check


def check_role(person: Person, role: Role) -> None:
    """Problem 403 for who does not hold the role."""
    if not may(person.roles, role):
        raise Problem(403, "not_allowed", f"this needs the role {role}", "Ask an admin for a key with that role.")


def current_visitor(
    request: Request,
    context: Annotated[Context, Depends(context_of)],
    proof: Annotated[str | None, Depends(sent_proof)],
) -> SignedIn:
    """Who looks at a page; SignInNeededError for nobody, 403 for a change without proof."""
    visitor = signed_in(request)
    setattr(request.state, IDENTIFIED, visitor is not None)
    if visitor is None:
        raise SignInNeededError
    request.state.person = visitor.person.owner
    check_proof(request, context, visitor, proof)
    return visitor


def safe_next(path: str | None) -> str:
    """Where to go after the sign-in: a page of ours, whatever was asked for."""
    return path if path and OUR_PAGE.fullmatch(path) else FIRST_PAGE


async def _to_sign_in(request: Request, error: Exception) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = safe_next(wanted if request.method == "GET" else None)
    return RedirectResponse(f"{SIGN_IN_PAGE}?next={quote(target, safe='')}", 303)


Anybody = Annotated[SignedIn, Depends(current_caller)]
Viewer = Annotated[Person, Depends(needs("viewer"))]
Operator = Annotated[Person, Depends(needs("operator"))]
Admin = Annotated[Person, Depends(needs("admin"))]
