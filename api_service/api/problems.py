"""Errors as `application/problem+json` (RFC 9457): a stable code, a sentence, what to do next. Never a stack trace."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from api_service.api.headers import SECURITY_HEADERS

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
TYPE_PREFIX = "urn:moonmind:problem:"


class Problem(HTTPException):
    """An answer other than success; `error` is the stable code, `remediation` what the caller can do."""

    def __init__(
        self,
        status: int,
        error: str,
        detail: str,
        remediation: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(status, detail, dict(headers) if headers else None)
        self.error = error
        self.remediation = remediation
        self.members = members


def install(app: FastAPI) -> None:
    """Answer every error of this app as a problem."""
    kinds = (HTTPException, RequestValidationError, OperationalError, InterfaceError, PoolTimeoutError, Exception)
    for kind in kinds:
        app.add_exception_handler(kind, _answer)


def invalid_request(error: RequestValidationError, **members: Any) -> Problem:
    """422 with every wrong field; `members` are added to the answer."""
    errors = [{"field": _field(item["loc"]), "message": item["msg"]} for item in error.errors()]
    named = ", ".join(sorted({item["field"] for item in errors}))
    remedy = "Mend the fields that `errors` names; see /docs."
    return Problem(422, "invalid_request", f"not valid: {named}", remedy, errors=errors, **members)


def as_response(problem: Problem, instance: str) -> JSONResponse:
    """The problem as an answer about `instance` (a path)."""
    body = {
        "type": TYPE_PREFIX + problem.error,
        "title": HTTPStatus(problem.status_code).phrase,
        "status": problem.status_code,
        "detail": problem.detail,
        "instance": instance,
        "error": problem.error,
        "remediation": problem.remediation,
        **problem.members,
    }
    return JSONResponse(body, problem.status_code, headers=problem.headers, media_type=MEDIA_TYPE)


def problem_of(error: Exception) -> Problem:
    """What an error is to whoever asked; one that nobody expected is on our log, and our mistake."""
    match error:
        case Problem():
            return error
        case HTTPException():  # what the framework itself raises: no such path, no such method
            code = HTTPStatus(error.status_code).name.lower()
            return Problem(error.status_code, code, error.detail, "See /docs for the paths.", headers=error.headers)
        case RequestValidationError():
            return invalid_request(error)
        case OperationalError() | InterfaceError() | PoolTimeoutError():
            log.error("database: %s", type(error).__name__, exc_info=error)
            return Problem(
                503,
                "database_unavailable",
                "the database does not answer",
                "Try again in a moment; /readyz says when it is back.",
                headers={"Retry-After": "2"},
            )
        case _:
            log.error("unexpected: %s", type(error).__name__, exc_info=error)
            remedy = "The service's log says more; please report it."
            # The framework answers this outside of our layers, so the headers come along; then the server closes.
            headers = {**SECURITY_HEADERS, "Connection": "close"}
            return Problem(500, "internal_error", "this is our mistake", remedy, headers=headers)


def problem_at(request: Request, error: Exception) -> Problem:
    """What an error is to whoever sent this request."""
    problem = problem_of(error)
    if problem.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        problem.headers = {"Allow": ", ".join(_methods(request))}
    return problem


async def _answer(request: Request, error: Exception) -> JSONResponse:
    return as_response(problem_at(request, error), request.url.path)


def _methods(request: Request) -> list[str]:
    """All that this path takes: the framework names those of one route, and a path may have several."""
    scopes = {method: {**request.scope, "method": method} for method in METHODS}
    routes = request.app.routes
    return [name for name, scope in scopes.items() if any(route.matches(scope)[0] is Match.FULL for route in routes)]


def _field(location: tuple[Any, ...]) -> str:
    parts = [str(part) for part in location if part not in ("body", "query", "path", "header")]
    return ".".join(parts) or "body"
