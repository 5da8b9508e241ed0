"""What the routers work with, made once by the app factory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request
from sqlalchemy import Engine

from moonmind.config.settings import Settings
from moonmind.workflows.orchestrator.toolbox import Toolbox


@dataclass(frozen=True, slots=True)
class Context:
    """`sign` and `unsign` make and check the secret part of an artifact's address."""

    settings: Settings
    engine: Engine
    tools: Toolbox
    sign: Callable[[str], str]
    unsign: Callable[[str], str | None]


def context_of(request: Request) -> Context:
    """The app's context."""
    context = request.app.state.context
    assert isinstance(context, Context)
    return context
