"""The app factory: `uvicorn --factory api_service.main:create_app`."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from itsdangerous import BadData, URLSafeTimedSerializer

from api_service.api import problems
from api_service.api.context import Context
from api_service.api.limits import BodyLimit, SecurityHeaders
from api_service.api.routers import artifacts, health, keys, orchestrator
from moonmind.access.use_cases import ensure_admin_key, signing_key
from moonmind.config.home import current_home
from moonmind.config.settings import Settings, load_settings
from moonmind.utils.logging import configure_logging
from moonmind.workflows.orchestrator.bootstrap import make_database, make_toolbox

log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The API for these settings (None: this process's own)."""
    configure_logging()
    settings = settings or load_settings(current_home(), os.environ)
    engine = make_database(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        file = settings.var / "admin.key"
        if ensure_admin_key(engine, file):
            log.info("first start: made an admin key, in %s", file)
        sign, unsign = _signer(signing_key(settings.var / "signing.key"), settings.api.download_ttl)
        app.state.context = Context(settings, engine, make_toolbox(settings, engine), sign, unsign)
        yield
        engine.dispose()

    app = FastAPI(
        title="MoonMind Orchestrator",
        summary="Repairs a broken service from one instruction.",
        version=version("moonmind-orchestrator"),
        lifespan=lifespan,
    )
    problems.install(app)
    app.add_middleware(BodyLimit, limit=settings.api.body_limit)
    app.add_middleware(SecurityHeaders)
    for router in (health.router, orchestrator.creation, orchestrator.router, artifacts.router, keys.router):
        app.include_router(router)
    return app


def _signer(secret: str, seconds: int) -> tuple[Callable[[str], str], Callable[[str], str | None]]:
    """Functions that sign a text, and that give it back while the signature is right and not older than `seconds`."""
    serializer = URLSafeTimedSerializer(secret, salt="artifact")

    def sign(value: str) -> str:
        signed = serializer.dumps(value)
        return signed if isinstance(signed, str) else signed.decode()

    def unsign(token: str) -> str | None:
        try:
            value = serializer.loads(token, max_age=seconds)
        except BadData:
            return None
        return value if isinstance(value, str) else None

    return sign, unsign
