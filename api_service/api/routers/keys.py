"""Keys of the API: made, listed and revoked by admins. A key is shown once, when it is made."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints

from api_service.api.problems import Problem
from api_service.api.routing import PROBLEM, REFUSALS, Use
from api_service.api.security import Admin, Anybody
from api_service.api.strict_json import Body, StrictRoute
from moonmind.access.keys import SignedIn
from moonmind.access.use_cases import create_key, list_keys, revoke_key
from moonmind.schemas.approvals import Role

router = APIRouter(prefix="/keys", tags=["keys"], route_class=StrictRoute, responses=REFUSALS)

Name = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]*$")]


class CreateKey(Body):
    """A key for a person or a program. All keys of one owner are one person."""

    owner: Annotated[Name, Field(examples=["kim"])]
    name: Name = "key"
    roles: Annotated[list[Role], Field(min_length=1, max_length=4)]
    valid_days: Annotated[int | None, Field(ge=1, le=3650)] = None


class KeyView(BaseModel):
    """A key without its secret."""

    key_id: UUID
    owner: str
    name: str
    roles: list[Role]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewKey(KeyView):
    """A key with its secret, which nobody can see again."""

    key: str


class KeyList(BaseModel):
    """All keys, oldest first."""

    keys: list[KeyView]


class Me(BaseModel):
    """Who asks. `key_name` is null for who signed in by OpenID Connect, `expires_at` for what holds until revoked."""

    owner: str
    roles: list[Role]
    key_name: str | None
    expires_at: datetime | None
    signed_in_by: Literal["key", "session"]


def present_me(caller: SignedIn) -> dict[str, Any]:
    """As the API says it."""
    return {
        "owner": caller.person.owner,
        "roles": sorted(caller.person.roles),
        "key_name": caller.key_name,
        "expires_at": caller.expires_at,
        "signed_in_by": "key" if caller.session_id is None else "session",
    }


@router.post("", status_code=201, response_model=NewKey, responses={409: PROBLEM}, summary="Make a key")
def create(body: CreateKey, context: Use, person: Admin) -> dict[str, Any]:
    """The answer holds the key; only its hash is stored. 409 for a known owner in other letters: that is one person."""
    key, row = create_key(
        *(context.engine, context.tools.signer, body.owner, body.name, body.roles, body.valid_days), actor=person.owner
    )
    return {**row, "key": key}


@router.get("", response_model=KeyList, summary="List keys")
def show(context: Use, person: Admin) -> dict[str, Any]:
    """Whose they are, what they may, and when they were used; never the keys."""
    return {"keys": list_keys(context.engine)}


@router.get("/me", response_model=Me, summary="Who am I")
def show_me(caller: Anybody) -> dict[str, Any]:
    """The owner, roles and name of the key, or of the session, that this request came with."""
    return present_me(caller)


@router.delete("/{key_id:uuid}", response_model=KeyView, responses={404: PROBLEM, 409: PROBLEM}, summary="Revoke a key")
def revoke(key_id: UUID, context: Use, person: Admin) -> dict[str, Any]:
    """It opens nothing from now on. Revoking again changes nothing. 409 for the last valid key of an admin."""
    row = revoke_key(context.engine, context.tools.signer, key_id, actor=person.owner)
    if row is None:
        raise Problem(404, "key_not_found", f"there is no key {key_id}", "GET /keys lists the keys.")
    return dict(row)
