"""All pages, for the app factory."""

from __future__ import annotations

from fastapi import APIRouter

from api_service.ui.pages import acts, approvals, keys, policy, run, runs, services, sign_in, static, system

router = APIRouter(include_in_schema=False)
for room in (services, runs, run, acts, approvals, keys, policy, system, sign_in, static):
    router.include_router(room.router)
