"""Who looks at a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api_service.api.problems import Problem
from api_service.api.security import current_person
from moonmind.access.keys import Person, may
from moonmind.schemas.approvals import Role
from moonmind.workflows.orchestrator.gates import Approver


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person with the token that their forms carry."""

    person: Person
    csrf: str

    @property
    def owner(self) -> str:
        """Their name."""
        return self.person.owner

    @property
    def roles(self) -> list[str]:
        """What they may be."""
        return sorted(self.person.roles)

    @property
    def approver(self) -> Approver:
        """As somebody whose word may count."""
        return Approver(self.person.owner, self.person.roles)

    def may(self, role: Role) -> bool:
        """Whether they may do what needs the role."""
        return may(self.person.roles, role)


def visitor_of(request: Request, person: Annotated[Person, Depends(current_person)]) -> Visitor:
    """Whoever is signed in."""
    request.state.visitor = Visitor(person, "x")
    return request.state.visitor


def needs(role: Role) -> Callable[[Visitor], Visitor]:
    """A dependency: the visitor, if they hold the role. 403 otherwise."""

    def check(visitor: Annotated[Visitor, Depends(visitor_of)]) -> Visitor:
        if not visitor.may(role):
            raise Problem(403, "not_allowed", f"this needs the role {role}", "Ask an admin for a key with that role.")
        return visitor

    return check


Viewer = Annotated[Visitor, Depends(needs("viewer"))]
Operator = Annotated[Visitor, Depends(needs("operator"))]
Admin = Annotated[Visitor, Depends(needs("admin"))]
