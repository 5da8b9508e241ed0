"""What the pages' routes share: errors as pages."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from api_service.api.problems import Problem, as_response, problem_at
from api_service.api.refusals import refusal_of
from api_service.api.security import SignInNeededError
from api_service.ui.rendering import page
from api_service.ui.views.advice import advice_for

TITLES = {
    401: "You are not signed in",
    403: "This is not for you",
    404: "There is nothing here",
    405: "That cannot be done here",
    409: "Not now",
    422: "That cannot be read",
    429: "Too many at once",
    500: "Something went wrong here",
    502: "The provider does not answer",
    503: "Back in a moment",
}


class PageRoute(APIRoute):
    """A route whose errors are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler; whatever it raises is shown."""
        handler = super().get_route_handler()

        async def shown(request: Request) -> Response:
            try:
                return await handler(request)
            except SignInNeededError:  # leads to the page for it
                raise
            except Exception as error:
                return error_page(request, refusal_of(error))

        return shown


def install(app: FastAPI) -> None:
    """For browsers, what has no route of pages is a page too: unknown addresses, and sign-ins that a provider ends."""
    app.add_exception_handler(HTTPException, _no_route)


async def _no_route(request: Request, error: Exception) -> Response:
    problem = problem_at(request, error)
    if request.url.path.startswith("/ui/") and "text/html" in request.headers.get("Accept", ""):
        return error_page(request, problem)
    return as_response(problem, request.url.path)


def error_page(request: Request, problem: Problem) -> Response:
    """What went wrong and what to do, for people."""
    status = problem.status_code
    answer = page(
        request,
        "error.html",
        getattr(request.state, "visitor", None),
        status,
        code=status,
        title=TITLES.get(status, HTTPStatus(status).phrase),
        detail=_sentence(problem.detail),
        remediation=advice_for(problem.error, problem.remediation),
        error=problem.error,
        retry=status in (429, 503) and request.method == "GET",
    )
    answer.headers.update(problem.headers or {})
    return answer


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?")) else ".")
