"""Signing in and out, as the API's routes and the pages' forms do it."""

from __future__ import annotations

import logging

from fastapi import Request, Response

from api_service.api.context import Context
from api_service.api.cookies import check_same_origin, delete_cookie, set_cookie
from api_service.api.problems import Problem
from api_service.api.security import signed_in
from moonmind.access.keys import SignedIn
from moonmind.access.sessions import close_session, open_session

log = logging.getLogger(__name__)


def sign_in(request: Request, response: Response, context: Context, key: str) -> SignedIn:
    """Open a session, always a new one, and put its secret into the response's cookie.

    Problem 401 `key_refused` for a key that opens nothing, 403 when another site's page asks.
    """
    check_same_origin(request, context)
    opened = open_session(context.engine, context.lasting, key)
    if opened is None:
        log.warning("sign-in refused: a key that opens nothing, from %s", address_of(request))
        raise Problem(401, "key_refused", "this key opens nothing", "Check the key, or ask an admin for a new one.")
    secret, session = opened
    close_current(request, context)
    set_cookie(response, request, context, secret)
    log.info("signed in: %s by key %s, from %s", session.person.owner, session.key_id, address_of(request))
    return session


def sign_out(request: Request, response: Response, context: Context) -> None:
    """End the request's session and have the browser forget it. Check the proof before."""
    close_current(request, context)
    delete_cookie(response, request, context)


def close_current(request: Request, context: Context) -> None:
    """End the session that the request came with."""
    holder = signed_in(request)
    if holder is not None and holder.session_id is not None and close_session(context.engine, holder.session_id):
        log.info("signed out: %s, from %s", holder.person.owner, address_of(request))


def address_of(request: Request) -> str:
    """Where the request came from."""
    return request.client.host if request.client else "unknown"
