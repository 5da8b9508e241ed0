"""What the routers work with, made once by the app factory."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request
from sqlalchemy import Engine

from api_service.api.signing import Signer
from moonmind.access.openid_provider import Provider
from moonmind.access.sessions import Lasting
from moonmind.config.settings import Settings
from moonmind.workflows.orchestrator.toolbox import Toolbox


@dataclass(frozen=True, slots=True)
class Context:
    """`addresses` signs the secret part of artifacts' addresses, `approval_tokens` the numbers of such tokens, `csrf`
    those of sessions, `sign_ins` what a sign-in at the OpenID provider, if there is one, must come back with."""

    settings: Settings
    engine: Engine
    tools: Toolbox
    addresses: Signer
    approval_tokens: Signer
    csrf: Signer
    sign_ins: Signer
    provider: Provider | None

    @property
    def lasting(self) -> Lasting:
        """How long sessions hold."""
        api = self.settings.api
        return Lasting.of(hours=api.session_hours, idle_minutes=api.session_idle_minutes)


def context_of(request: Request) -> Context:
    """The app's context."""
    context = request.app.state.context
    assert isinstance(context, Context)
    return context
