"""The cookie that holds a session's secret, and what a request that comes with it must prove."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from fastapi import Request, Response

from api_service.api.context import Context
from api_service.api.problems import Problem
from moonmind.access.keys import SignedIn

NAME = "moonmind_session"
NAME_WITH_TLS = f"__Host-{NAME}"
COOKIE_NAMES = (NAME_WITH_TLS, NAME)
IDENTIFIED = "identified"
"""In the state of a request: whether its key or cookie opened something. Absent where nobody asked."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"
FORM_TYPE = "application/x-www-form-urlencoded"
FORM_FIELDS = 100


def is_secure(request: Request, context: Context) -> bool:
    """Whether browsers speak TLS to us, here or at a proxy before us."""
    public = context.settings.api.public_url or ""
    return public.startswith("https://") or request.url.scheme == "https"


def cookie_name(request: Request, context: Context) -> str:
    """With TLS one that no other host, nor a page without TLS, can set for us."""
    return NAME_WITH_TLS if is_secure(request, context) else NAME


def read_cookie(request: Request, context: Context) -> str | None:
    """The secret that the browser sent."""
    return request.cookies.get(cookie_name(request, context))


def set_cookie(response: Response, request: Request, context: Context, secret: str) -> None:
    """Have the browser send the secret from now on: never to scripts, and with nothing that another site started but
    a plain look at a page. It ends with the browser, or with the session."""
    response.set_cookie(cookie_name(request, context), secret, **_attributes(request, context))


def delete_cookie(response: Response, request: Request, context: Context) -> None:
    """Have the browser forget it."""
    response.delete_cookie(cookie_name(request, context), **_attributes(request, context))


def _attributes(request: Request, context: Context) -> dict[str, Any]:
    return {"path": "/", "secure": is_secure(request, context), "httponly": True, "samesite": "lax"}


def csrf_token(context: Context, signed_in: SignedIn) -> str:
    """What a form or script of our own pages sends along with each change, as proof that it is ours."""
    return context.csrf.sign(str(signed_in.session_id))


async def sent_proof(request: Request) -> str | None:
    """The proof in the header or, with the session's cookie, in the form's field."""
    if found := request.headers.get(CSRF_HEADER):
        return found
    if request.method in SAFE_METHODS or request.headers.get("Content-Type", "").partition(";")[0] != FORM_TYPE:
        return None
    field = (await request.form(max_files=0, max_fields=FORM_FIELDS)).get(CSRF_FIELD)
    return field if isinstance(field, str) else None


def check_proof(request: Request, context: Context, signed_in: SignedIn, proof: str | None) -> None:
    """Problem 403 `csrf_refused` unless what changes something comes from a page that we made for this session."""
    if request.method in SAFE_METHODS:
        return
    check_same_origin(request, context)
    if proof is None or context.csrf.unsign(proof) != str(signed_in.session_id):
        remedy = (
            f"Load the page again; programs send {CSRF_HEADER} (GET /sessions/current), or a key instead of a cookie."
        )
        raise Problem(403, "csrf_refused", "this request does not prove that a page of ours made it", remedy)


def check_same_origin(request: Request, context: Context) -> None:
    """Problem 403 `csrf_refused` when the browser says that another site's page made the request.

    Another port is another site here, though not for cookies. Programs send neither header.
    """
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "none")
    is_ours = origin is None or urlsplit(origin).netloc in _own_hosts(request, context)
    if not is_ours or site not in ("same-origin", "none"):
        remedy = "Use the pages of this installation; behind a proxy, set `public_url` in [api]."
        raise Problem(403, "csrf_refused", "another site's page made this request", remedy)


def _own_hosts(request: Request, context: Context) -> set[str]:
    """The name that the request was sent to, which `hosts` has checked, and the one that browsers see."""
    return {request.headers.get("Host", ""), urlsplit(context.settings.api.public_url or "").netloc} - {""}
