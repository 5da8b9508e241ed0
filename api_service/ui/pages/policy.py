"""The gates before changes, for admins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from api_service.api.approval_schemas import PutGate
from api_service.api.context import Context
from api_service.api.refusals import unknown_service
from api_service.api.routing import Use
from api_service.ui.forms import Fields, Form, InvalidFormError, check, whole_number
from api_service.ui.rendering import go_to, page
from api_service.ui.routing import PageRoute
from api_service.ui.views.admin import REQUIREMENT_WORDS, gate_line
from api_service.ui.visitors import Admin, Visitor
from moonmind.access.keys import ROLES
from moonmind.workflows.orchestrator.approval_gates import hand_back_gate, list_gates, put_gate
from moonmind.workflows.orchestrator.service_profiles import UnknownServiceError

router = APIRouter(prefix="/ui/policy", route_class=PageRoute)


@router.get("")
def show_policy(request: Request, context: Use, visitor: Admin) -> Response:
    """The gate of every service, each with its form."""
    return _policy(request, context, visitor)


@router.post("/{service}")
def set_gate(request: Request, service: str, context: Use, visitor: Admin, sent: Form) -> Response:
    """In force at once."""
    try:
        put_gate(context.tools, service, check(PutGate, _gate_sent(sent)), visitor.owner)
    except UnknownServiceError as error:
        raise unknown_service(error, 404) from None
    except InvalidFormError as error:
        return _policy(request, context, visitor, 422, edited=service, errors=error.errors)
    return go_to("/ui/policy", "gate_set")


@router.post("/{service}/reset")
def give_back(request: Request, service: str, context: Use, visitor: Admin, sent: Form) -> Response:
    """What config.toml says is in force again."""
    try:
        hand_back_gate(context.tools, service, visitor.owner)
    except UnknownServiceError as error:
        raise unknown_service(error, 404) from None
    return go_to("/ui/policy", "gate_reset")


def _gate_sent(sent: Fields) -> dict[str, Any]:
    return {
        "requirement": sent.one("requirement"),
        "approver_roles": sent.many("approver_roles"),
        "required_approvals": whole_number(sent.one("required_approvals")),
        "valid_minutes": whole_number(sent.one("valid_minutes")),
        "self_approval": sent.one("self_approval") == "yes",
    }


def _policy(
    request: Request,
    context: Context,
    visitor: Visitor,
    status: int = 200,
    *,
    edited: str = "",
    errors: Mapping[str, str] | None = None,
) -> Response:
    gates = [gate_line(service, gate, source) for service, (gate, source) in list_gates(context.tools).items()]
    return page(
        request,
        "policy.html",
        visitor,
        status,
        gates=gates,
        roles=ROLES,
        requirements=REQUIREMENT_WORDS,
        edited=edited,
        errors=errors or {},
        refused=None,
    )
