"""All pages, for the app factory."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from api_service.ui.pages import acts, approvals, keys, policy, run, runs, services, sign_in, static, system
from api_service.ui.routing import install as install_error_pages

router = APIRouter(include_in_schema=False)
for room in (services, runs, run, acts, approvals, keys, policy, system, sign_in, static):
    router.include_router(room.router)


def install(app: FastAPI) -> None:
    """After the API's own handlers of errors: those of pages answer with pages."""
    install_error_pages(app)
    app.include_router(router)
