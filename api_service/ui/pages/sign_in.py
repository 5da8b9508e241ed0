"""Signing in with a key, and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api_service.api.context import Context
from api_service.api.problems import Problem
from api_service.api.routers import oidc
from api_service.api.routing import Use
from api_service.api.security import safe_next, signed_in
from api_service.api.signing_in import sign_in, sign_out
from api_service.ui.forms import Form
from api_service.ui.rendering import go_to, page
from api_service.ui.routing import PageRoute
from api_service.ui.views.advice import advised
from api_service.ui.visitors import Viewer

router = APIRouter(prefix="/ui", route_class=PageRoute)


@router.get("/sign-in")
def show_sign_in(request: Request, context: Use, next: Annotated[str, Query(max_length=2000)] = "") -> Response:  # noqa: A002
    """The form; whoever is signed in goes on."""
    target = safe_next(next)
    return go_to(target) if signed_in(request) else _form(request, context, target)


@router.post("/sign-in")
def enter(request: Request, context: Use, sent: Form) -> Response:
    """A session for a key; the form again when it opens nothing."""
    target = safe_next(sent.one("next"))
    response = go_to(target, "signed_in")
    try:
        sign_in(request, response, context, sent.one("key").strip())
    except Problem as problem:
        return _form(request, context, target, problem)
    return response


@router.post("/sign-out")
def leave(request: Request, context: Use, visitor: Viewer) -> Response:
    """The session ends at once."""
    response = go_to("/ui/sign-in", "signed_out")
    sign_out(request, response, context)
    return response


def _form(request: Request, context: Context, target: str, problem: Problem | None = None) -> Response:
    """With the way to the OpenID provider, where there is one."""
    openid = oidc.START if context.provider else None
    status = problem.status_code if problem else 200
    return page(request, "sign_in.html", None, status, next=target, wrong=advised(problem), openid=openid)
