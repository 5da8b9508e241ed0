"""What the routers share: documented refusals, common parameters, what is sent in the words of the use cases."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header

from api_service.api.context import Context, context_of
from api_service.api.problems import Problem
from api_service.api.schemas import ProblemDetails
from moonmind.access.keys import Person
from moonmind.workflows.orchestrator import read_models
from moonmind.workflows.orchestrator.approvals import ApprovalToken
from moonmind.workflows.orchestrator.gates import Approver

PROBLEM: dict[str, Any] = {"model": ProblemDetails, "content": {"application/problem+json": {}}}
REFUSALS: dict[int | str, dict[str, Any]] = dict.fromkeys((401, 403, 422, 503), PROBLEM)

_HEADERS = {
    "Location": "Where the new run is",
    "ETag": "The SHA-256 of the whole file, in quotes",
    "Accept-Ranges": "`bytes`: parts can be asked for",
    "Content-Range": "Which part this is",
    "Content-Disposition": "Always an attachment",
}


def headers_of(*names: str) -> dict[str, Any]:
    """These headers of an answer, as OpenAPI documents them."""
    return {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in names}


NO_NUL = r"^[^\x00]*$"
"""PostgreSQL's text cannot hold it."""

Use = Annotated[Context, Depends(context_of)]
IdempotencyKey = Annotated[
    str | None,
    Header(description="The same key and body give the same run.", min_length=1, max_length=200, pattern=r"^[!-~]+$"),
]


def rows_of(context: Context, run: UUID) -> read_models.RunRows:
    """Everything about one run. Problem 404 when there is none."""
    with context.engine.connect() as connection:
        rows = read_models.find_run(connection, run)
    if rows is None:
        raise no_such_run(run)
    return rows


def no_such_run(run: UUID) -> Problem:
    """404."""
    return Problem(404, "run_not_found", f"there is no run {run}", "GET /orchestrator/runs lists the runs.")


def as_approver(person: Person) -> Approver:
    """The owner of a key as somebody whose word may count."""
    return Approver(person.owner, person.roles)


def read_token(context: Context, token: str) -> ApprovalToken:
    """A token as it was sent; one that we did not sign has no number, so that its refusal is on record."""
    number = context.approval_tokens.unsign(token)
    return ApprovalToken(UUID(number) if number is not None else None)
