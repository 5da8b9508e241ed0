"""Services, and the gates before their changes."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from api_service.api.approval_schemas import GateList, GateView, PutGate
from api_service.api.presenters import present_gate, present_services
from api_service.api.refusals import unknown_service
from api_service.api.routing import PROBLEM, REFUSALS, Use
from api_service.api.schemas import ServiceList
from api_service.api.security import Admin, Viewer
from api_service.api.strict_json import StrictRoute
from moonmind.workflows.orchestrator import read_models
from moonmind.workflows.orchestrator.approval_gates import hand_back_gate, list_gates, put_gate
from moonmind.workflows.orchestrator.service_profiles import UnknownServiceError

router = APIRouter(prefix="/orchestrator", route_class=StrictRoute, responses=REFUSALS)


@router.get("/services", response_model=ServiceList, tags=["services"], summary="What can be repaired")
def list_services(context: Use, person: Viewer) -> dict[str, Any]:
    """The profiles, without secrets, with their gate, their lock and their last run."""
    gates = {service: gate for service, (gate, _) in list_gates(context.tools).items()}
    with context.engine.connect() as connection:
        last, holders = read_models.last_runs(connection), read_models.lock_holders(connection)
    return {"services": present_services(context.tools.catalog, gates, last, holders)}


@router.get("/approval-gates", response_model=GateList, tags=["approvals"], summary="Whose word each service asks for")
def show_gates(context: Use, person: Admin) -> dict[str, Any]:
    """The gate in force of every service."""
    gates = list_gates(context.tools).items()
    return {"approval_gates": [present_gate(service, gate, source) for service, (gate, source) in gates]}


@router.put(
    "/approval-gates/{service}",
    response_model=GateView,
    tags=["approvals"],
    responses={404: PROBLEM},
    summary="Set a service's gate",
)
def set_gate(service: str, body: PutGate, context: Use, person: Admin) -> dict[str, Any]:
    """In force at once, also for runs that are on, whatever config.toml says. Set the requirement `none` to open it."""
    try:
        put_gate(context.tools, service, body, person.owner)
    except UnknownServiceError as error:
        raise unknown_service(error, 404) from None
    return present_gate(service, body, "api")


@router.delete(
    "/approval-gates/{service}",
    response_model=GateView,
    tags=["approvals"],
    responses={404: PROBLEM},
    summary="Hand a service's gate back to config.toml",
)
def reset_gate(service: str, context: Use, person: Admin) -> dict[str, Any]:
    """What the API set is forgotten: the gate is what config.toml says, at once, and follows the file from now on."""
    try:
        gate = hand_back_gate(context.tools, service, person.owner)
    except UnknownServiceError as error:
        raise unknown_service(error, 404) from None
    return present_gate(service, gate, "config")
