"""Signing in to the pages by OpenID Connect: to the provider, and back with its word."""

from __future__ import annotations

import hmac
import json
import logging
import secrets
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from api_service.api.context import Context
from api_service.api.cookies import is_secure, set_cookie
from api_service.api.problems import Problem
from api_service.api.routing import Use
from api_service.api.security import safe_next
from api_service.api.signing_in import address_of, close_current
from moonmind.access.openid import ProviderUnavailableError, SignInRefusedError, SignInRequest, person_of
from moonmind.access.openid_provider import Provider
from moonmind.access.sessions import open_session_for

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)

START = "/ui/sign-in/oidc"
CALLBACK = f"{START}/callback"
COOKIE = "moonmind_sign_in"
SIGN_IN_SECONDS = 600

Sent = Annotated[str | None, Query(max_length=4096)]


@router.get(START)
def start(request: Request, context: Use, next: Annotated[str | None, Query(max_length=2000)] = None) -> Response:  # noqa: A002
    """To the provider, with what must come back kept in a signed cookie of this browser."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    asked = SignInRequest(state, nonce, verifier, safe_next(next))
    try:
        url = _provider(context).authorization_url(asked, _redirect_uri(request, context))
    except ProviderUnavailableError as error:
        raise _unavailable(error) from error
    response = RedirectResponse(url, 303)
    kept = context.sign_ins.sign(json.dumps([asked.state, asked.nonce, asked.verifier, asked.next]))
    secure = is_secure(request, context)
    response.set_cookie(
        _cookie_name(request, context), kept, SIGN_IN_SECONDS, path="/", secure=secure, httponly=True, samesite="lax"
    )
    return response


@router.get(CALLBACK)
def finish(
    request: Request, context: Use, code: Sent = None, state: Sent = None, error: Sent = None, iss: Sent = None
) -> Response:
    """Back with a code: a session for whom the provider vouches for, if a role here is theirs."""
    provider = _provider(context)
    try:
        asked = _asked(request, context, state)
        _check_answer(context, code, error, iss)
        person = person_of(provider.claims(code or "", asked, _redirect_uri(request, context)), context.settings.oidc)
    except SignInRefusedError as refusal:
        log.warning("sign-in refused: %s, from %s", refusal, address_of(request))
        raise Problem(401, "sign_in_refused", str(refusal), "Start again at /ui/sign-in, or ask an admin.") from None
    except ProviderUnavailableError as away:
        raise _unavailable(away) from away
    secret, session = open_session_for(context.engine, context.lasting, person)
    response = RedirectResponse(asked.next, 303)
    close_current(request, context)
    set_cookie(response, request, context, secret)
    response.delete_cookie(_cookie_name(request, context), path="/", secure=is_secure(request, context), httponly=True)
    log.info("signed in: %s by OpenID Connect, from %s", session.person.owner, address_of(request))
    return response


def _provider(context: Context) -> Provider:
    if context.provider is None:
        remedy = "Sign in with a key; `issuer` in [oidc] of config.toml sets a provider."
        raise Problem(404, "openid_not_configured", "there is no OpenID provider here", remedy)
    return context.provider


def _asked(request: Request, context: Context, state: str | None) -> SignInRequest:
    """What this browser was sent to the provider with; it must have come back with the same state."""
    kept = context.sign_ins.unsign(request.cookies.get(_cookie_name(request, context), ""))
    if kept is None:
        raise SignInRefusedError("this browser did not start a sign-in here lately")
    asked = SignInRequest(*json.loads(kept))
    if not hmac.compare_digest(asked.state.encode(), (state or "").encode()):
        raise SignInRefusedError("this is the answer to another sign-in")
    return asked


def _check_answer(context: Context, code: str | None, error: str | None, issuer: str | None) -> None:
    """`issuer`: as RFC 9207 has it, where the provider sends it."""
    if issuer is not None and issuer != context.settings.oidc.issuer:
        raise SignInRefusedError("another provider answered")
    if error is not None or not code:
        raise SignInRefusedError("the provider did not let you in")


def _redirect_uri(request: Request, context: Context) -> str:
    """Where the provider sends the browser back to: under the name that browsers use."""
    public = context.settings.api.public_url or f"{request.url.scheme}://{urlsplit(str(request.url)).netloc}"
    return public + CALLBACK


def _cookie_name(request: Request, context: Context) -> str:
    return f"__Host-{COOKIE}" if is_secure(request, context) else COOKIE


def _unavailable(error: ProviderUnavailableError) -> Problem:
    log.error("the OpenID provider is not usable: %s", error)
    remedy = "Try again in a moment, or sign in with a key; the service's log says more."
    return Problem(502, "provider_unavailable", "the OpenID provider does not answer as it should", remedy)
