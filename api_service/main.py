"""The app factory: `uvicorn --factory api_service.main:create_app`."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from api_service.api import openapi, problems, refusals, security
from api_service.api.context import Context
from api_service.api.layers import layers_of
from api_service.api.routers import (
    approvals,
    artifacts,
    docs,
    health,
    keys,
    oidc,
    orchestrator,
    runs,
    services,
    sessions,
)
from api_service.api.signing import Signer
from moonmind.access.openid_provider import Provider
from moonmind.access.use_cases import ensure_admin_key, signing_key
from moonmind.config.home import current_home
from moonmind.config.known_secrets import make_redactor
from moonmind.config.settings import Settings, load_settings
from moonmind.utils.logging import configure_logging
from moonmind.workflows.orchestrator.approval_gates import keep_configured_gates
from moonmind.workflows.orchestrator.bootstrap import make_database, make_toolbox

log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The API for these settings (None: this process's own)."""
    settings = settings or load_settings(current_home(), os.environ)
    configure_logging(make_redactor(settings, os.environ))
    engine = make_database(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        file = settings.var / "admin.key"
        if ensure_admin_key(engine, file):
            log.info("first start: made an admin key, in %s", file)
        secret = signing_key(settings.var / "signing.key")
        configure_logging(make_redactor(settings, os.environ))  # both keys exist from now on
        tools = make_toolbox(settings, engine)
        keep_configured_gates(tools)
        app.state.context = Context(
            settings,
            engine,
            tools,
            addresses=Signer(secret, "artifact", settings.api.download_ttl),
            approval_tokens=Signer(secret, "approval"),
            csrf=Signer(secret, "csrf"),
            sign_ins=Signer(secret, "sign-in", oidc.SIGN_IN_SECONDS),
            provider=Provider(settings.oidc) if settings.oidc.issuer else None,
        )
        yield
        engine.dispose()

    app = FastAPI(
        title="MoonMind Orchestrator",
        summary="Repairs a broken service from one instruction.",
        version=version("moonmind-orchestrator"),
        docs_url=None,  # the framework's pages load their scripts from a foreign host
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,  # to an address made from whatever `Host` somebody sent
    )
    problems.install(app)
    refusals.install(app)
    openapi.install(app)
    security.install(app)
    for layer in layers_of(settings.api):
        app.add_middleware(layer.cls, *layer.args, **layer.kwargs)
    app.include_router(orchestrator.creation)
    for room in (runs, orchestrator, approvals, artifacts, services, keys, sessions, oidc, health, docs):
        app.include_router(room.router)
    return app
