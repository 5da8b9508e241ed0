"""The app factory: `uvicorn --factory api_service.main:create_app`."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from sqlalchemy import Engine

from api_service.api import openapi, problems, refusals, security
from api_service.api.context import Context
from api_service.api.exposition import make_registry
from api_service.api.layers import layers_of
from api_service.api.live.ending import kept_open
from api_service.api.live.hub import Hub
from api_service.api.observed import Observed, RequestMetrics, reporting
from api_service.api.routers import (
    approvals,
    artifacts,
    docs,
    events,
    evidence,
    health,
    keys,
    metrics,
    oidc,
    orchestrator,
    runs,
    services,
    sessions,
)
from api_service.api.signing import Signer
from api_service.ui import app as pages
from moonmind.access.openid_provider import Provider
from moonmind.access.use_cases import ensure_admin_key, signing_key
from moonmind.config.home import current_home
from moonmind.config.known_secrets import make_redactor
from moonmind.config.settings import Settings, load_settings
from moonmind.utils.logging import configure_logging
from moonmind.workflows.orchestrator.approval_gates import keep_configured_gates
from moonmind.workflows.orchestrator.bootstrap import evidence_key, make_database, make_listener, make_toolbox

log = logging.getLogger(__name__)


ROOMS = (
    *(runs, events, orchestrator, approvals, artifacts, evidence, services),
    *(keys, sessions, oidc, health, metrics, docs),
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The API for these settings (None: this process's own)."""
    settings = settings or load_settings(current_home(), os.environ)
    configure_logging(make_redactor(settings, os.environ))
    engine = make_database(settings)
    requests = RequestMetrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        context = app.state.context = _make_context(settings, engine)
        tools = context.tools
        async with kept_open(context.live, context.listener):
            with reporting(requests, tools.metrics, settings.statsd.gauge_seconds):
                yield
        tools.metrics.close()
        tools.tracing.close()
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
    for part in (problems, refusals, openapi, security):
        part.install(app)
    for layer in layers_of(settings.api):
        app.add_middleware(layer.cls, *layer.args, **layer.kwargs)
    app.add_middleware(Observed, metrics=requests)
    app.state.registry = make_registry(engine, requests, settings.metrics.cache_seconds)
    for router in (orchestrator.creation, *(room.router for room in ROOMS)):
        app.include_router(router)
    pages.install(app)
    return app


def _make_context(settings: Settings, engine: Engine) -> Context:
    """At the start: the keys that must exist, what answers need, and the gates of config.toml."""
    file = settings.var / "admin.key"
    if ensure_admin_key(engine, evidence_key(settings.var), file):
        log.info("first start: made an admin key, in %s", file)
    secret = signing_key(settings.var / "signing.key")
    tools = make_toolbox(settings, engine)
    configure_logging(make_redactor(settings, os.environ))  # all keys exist from now on
    keep_configured_gates(tools)
    hub = Hub(tools.artifacts, settings.api.event_streams)
    return Context(
        settings,
        engine,
        tools,
        addresses=Signer(secret, "artifact", settings.api.download_ttl),
        approval_tokens=Signer(secret, "approval"),
        csrf=Signer(secret, "csrf"),
        sign_ins=Signer(secret, "sign-in", oidc.SIGN_IN_SECONDS),
        provider=Provider(settings.oidc) if settings.oidc.issuer else None,
        live=hub,
        listener=make_listener(engine, hub.tell, hub.tell_all),
    )
