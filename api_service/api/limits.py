"""What a request's body may cost, and in which form it may come, before anybody looks at it."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_service.api.problems import Problem, as_response

JSON_TYPE = re.compile(r"application/([a-z0-9.+-]+\+)?json", re.IGNORECASE)
FORM_TYPE = "application/x-www-form-urlencoded"
FORM_PATHS = "/ui/"


class BodyLimit:
    """Refuses bodies over `limit` bytes with 413, announced or chunked, before they are held in memory, and with 415
    those that are packed, or neither JSON nor, on pages, a form."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body, too_large = b"", _announced(scope) > self._limit
        more = not too_large
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._limit:
                too_large, more = True, False
        problem = _ambiguous(scope) or (_too_large(self._limit) if too_large else _refuse_type(scope, body))
        if problem is not None:
            await as_response(problem, scope["path"])(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)


def _ambiguous(scope: Scope) -> Problem | None:
    """Two lengths: a proxy before us may believe the other one, and take a part of the body for the next request."""
    names = [name for name, _ in scope["headers"]]
    if b"transfer-encoding" not in names or b"content-length" not in names:
        return None
    detail, remedy = "the body's length is said in two ways", "Send Content-Length or Transfer-Encoding, not both."
    return Problem(400, "length_ambiguous", detail, remedy, headers={"Connection": "close"})


def _too_large(limit: int) -> Problem:
    return Problem(
        413, "body_too_large", f"a body may have {limit} bytes", "Send less.", headers={"Connection": "close"}
    )


def _refuse_type(scope: Scope, body: bytes) -> Problem | None:
    """Nothing is unpacked: what is small on the way may be anything in memory."""
    headers = Headers(scope=scope)
    if headers.get("Content-Encoding", "identity") != "identity":
        return Problem(415, "content_encoding", "a body may not be packed", "Send it without Content-Encoding.")
    sent = headers.get("Content-Type", "").partition(";")[0].strip()
    is_form = sent.lower() == FORM_TYPE and scope["path"].startswith(FORM_PATHS)
    if not body or is_form or JSON_TYPE.fullmatch(sent):
        return None
    return Problem(415, "content_type", "this body is no JSON", "Send `Content-Type: application/json`.")


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _replay(body: bytes, receive: Receive) -> Receive:
    """What the application receives: the body once, then whatever else comes (the client going away)."""
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
