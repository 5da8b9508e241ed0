"""Who looks at a page, with what their forms carry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api_service.api.cookies import csrf_token
from api_service.api.routing import Use, as_approver
from api_service.api.security import check_role, current_visitor
from moonmind.access.keys import Person, SignedIn, may
from moonmind.schemas.approvals import Role
from moonmind.workflows.orchestrator.gates import Approver


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person with the proof that their forms carry."""

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
        return as_approver(self.person)

    def may(self, role: Role) -> bool:
        """Whether they may do what needs the role."""
        return may(self.person.roles, role)


def visitor_of(request: Request, context: Use, session: Annotated[SignedIn, Depends(current_visitor)]) -> Visitor:
    """Whoever is signed in, also for a page of an error that comes later."""
    visitor = Visitor(session.person, csrf_token(context, session))
    request.state.visitor = visitor
    return visitor


def needs(role: Role) -> Callable[[Visitor], Visitor]:
    """A dependency: the visitor, if they hold the role. 403 otherwise."""

    def check(visitor: Annotated[Visitor, Depends(visitor_of)]) -> Visitor:
        check_role(visitor.person, role)
        return visitor

    return check


Viewer = Annotated[Visitor, Depends(needs("viewer"))]
Operator = Annotated[Visitor, Depends(needs("operator"))]
Admin = Annotated[Visitor, Depends(needs("admin"))]
