"""What the routers work with, made once by the app factory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from fastapi import Request
from sqlalchemy import Engine

from api_service.api.live.hub import Hub
from api_service.api.signing import Signer
from moonmind.access.sessions import Lasting
from moonmind.config.settings import Settings
from moonmind.engine.notices import EventListener
from moonmind.workflows.orchestrator.toolbox import Toolbox


@dataclass(frozen=True, slots=True)
class Context:
    """`addresses` signs the secret part of artifacts' addresses, `approval_tokens` the numbers of such tokens, `csrf`
    those of sessions."""

    settings: Settings
    engine: Engine
    tools: Toolbox
    addresses: Signer
    approval_tokens: Signer
    csrf: Signer
    live: Hub
    listener: EventListener

    @property
    def lasting(self) -> Lasting:
        """How long sessions hold."""
        api = self.settings.api
        return Lasting(timedelta(hours=api.session_hours), timedelta(minutes=api.session_idle_minutes))


def context_of(request: Request) -> Context:
    """The app's context."""
    context = request.app.state.context
    assert isinstance(context, Context)
    return context
