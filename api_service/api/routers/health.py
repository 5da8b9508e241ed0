"""Is it alive, is it ready. Open to all: no answer here says more than up or down."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from api_service.api.context import Context, context_of
from moonmind.workflows.orchestrator.bootstrap import broker_answers, expected_schema, found_schema

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The API process."""

    status: Literal["ok"] = "ok"
    service: Literal["orchestrator"] = "orchestrator"


class Readiness(BaseModel):
    """What a run needs. The broker is reported but not required: runs are accepted without it and start when it is
    back."""

    status: Literal["ok", "unavailable"]
    database: Literal["ok", "away"]
    migrations: Literal["ok", "behind", "unknown"]
    broker: Literal["ok", "away"]


@router.get("/health", response_model=Health, summary="The service answers")
@router.get("/healthz", response_model=Health, summary="The process answers")
def health() -> Health:
    """Always ok while the process answers."""
    return Health()


@router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness}}, summary="Runs can be accepted")
def ready(response: Response, context: Annotated[Context, Depends(context_of)]) -> Readiness:
    """503 unless the database answers and has this release's schema."""
    try:
        current = found_schema(context.engine) == expected_schema()
        database, migrations = "ok", "ok" if current else "behind"
    except SQLAlchemyError:
        database, migrations = "away", "unknown"
    broker = "ok" if broker_answers(context.settings) else "away"
    status = "ok" if (database, migrations) == ("ok", "ok") else "unavailable"
    response.status_code = 200 if status == "ok" else 503
    return Readiness.model_validate(
        {"status": status, "database": database, "migrations": migrations, "broker": broker}
    )
