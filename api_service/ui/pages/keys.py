"""Keys, for admins: who has which, new ones, and their end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from api_service.api.context import Context
from api_service.api.problems import Problem
from api_service.api.refusals import refusal_of
from api_service.api.routers.keys import CreateKey
from api_service.api.routing import Use
from api_service.ui.forms import Form, InvalidFormError, check, whole_number
from api_service.ui.rendering import go_to, page
from api_service.ui.routing import PageRoute
from api_service.ui.views.admin import ROLE_WORDS, key_lines
from api_service.ui.views.advice import advised
from api_service.ui.visitors import Admin, Visitor
from moonmind.access.use_cases import (
    LastAdminError,
    OwnerInOtherLettersError,
    create_key,
    list_keys,
    revoke_key,
)

EMPTY: Mapping[str, Any] = {"owner": "", "name": "key", "valid_days": "", "roles": ["viewer"]}

router = APIRouter(prefix="/ui/keys", route_class=PageRoute)


@router.get("")
def show_keys(request: Request, context: Use, visitor: Admin) -> Response:
    """All keys, and the form for one more."""
    return _keys(request, context, visitor)


@router.post("")
def create(request: Request, context: Use, visitor: Admin, sent: Form) -> Response:
    """The new key, shown this once: the page is the answer, since nothing that could show it later is stored."""
    written = sent.optional("valid_days")
    values = {"owner": sent.one("owner").strip(), "name": sent.one("name").strip(), "roles": sent.many("roles")}
    days = whole_number(written) if written else None
    try:
        body = check(CreateKey, {**values, "valid_days": days})
        key, row = create_key(
            context.engine,
            context.tools.signer,
            body.owner,
            body.name,
            body.roles,
            body.valid_days,
            actor=visitor.owner,
        )
    except InvalidFormError as error:
        return _keys(
            request, context, visitor, 422, values={**values, "valid_days": written or ""}, errors=error.errors
        )
    except OwnerInOtherLettersError as error:
        return _keys(
            request, context, visitor, 409, values={**values, "valid_days": written or ""}, refused=refusal_of(error)
        )
    return _keys(request, context, visitor, 201, new_key=key, new_owner=row["owner"])


@router.post("/{key_id}/revoke")
def revoke(request: Request, key_id: UUID, context: Use, visitor: Admin, sent: Form) -> Response:
    """It opens nothing from now on."""
    try:
        row = revoke_key(context.engine, context.tools.signer, key_id, actor=visitor.owner)
    except LastAdminError as error:
        return _keys(request, context, visitor, 409, refused=refusal_of(error))
    if row is None:
        raise Problem(404, "key_not_found", "there is no such key", "Look at the list.")
    return go_to("/ui/keys", "key_revoked")


def _keys(
    request: Request,
    context: Context,
    visitor: Visitor,
    status: int = 200,
    *,
    values: Mapping[str, Any] = EMPTY,
    errors: Mapping[str, str] | None = None,
    refused: Problem | None = None,
    new_key: str = "",
    new_owner: str = "",
) -> Response:
    return page(
        request,
        "keys.html",
        visitor,
        status,
        keys=key_lines(list_keys(context.engine), datetime.now(UTC)),
        roles=ROLE_WORDS,
        values=values,
        errors=errors or {},
        refused=advised(refused),
        new_key=new_key,
        new_owner=new_owner,
    )
