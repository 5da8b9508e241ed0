"""Who is asking, and whether they may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api_service.api.context import Context, context_of
from api_service.api.problems import Problem
from moonmind.access.keys import Person, may
from moonmind.access.use_cases import authenticate
from moonmind.schemas.approvals import Role

bearer = HTTPBearer(auto_error=False, description="A key of the API: `mm_…`")


def current_person(
    context: Annotated[Context, Depends(context_of)],
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Person:
    """The owner of the key. 401 without a valid one."""
    person = authenticate(context.engine, credentials.credentials) if credentials else None
    if person is None:
        raise Problem(
            401,
            "not_authenticated",
            "no valid key",
            "Send `Authorization: Bearer mm_…`; the first start wrote an admin key to var/admin.key.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return person


def needs(role: Role) -> Callable[[Person], Person]:
    """A dependency: the person, if they hold the role. 403 otherwise."""

    def check(person: Annotated[Person, Depends(current_person)]) -> Person:
        if not may(person.roles, role):
            raise Problem(403, "not_allowed", f"this needs the role {role}", "Ask an admin for a key with that role.")
        return person

    return check


Viewer = Annotated[Person, Depends(needs("viewer"))]
Operator = Annotated[Person, Depends(needs("operator"))]
Admin = Annotated[Person, Depends(needs("admin"))]
