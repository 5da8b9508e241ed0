"""Runs that wait for people, as one of these people sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api_service.ui.views.actions import answering
from api_service.ui.views.text import one_line
from moonmind.schemas.approvals import ApprovalGate
from moonmind.workflows.orchestrator.gates import Approver


@dataclass(frozen=True, slots=True)
class WaitingLine:
    """A waiting run in a list; `reason`: why it does not wait for whoever looks, empty if it does."""

    id: str
    service: str
    instruction: str
    requested_by: str
    queued_at: datetime
    step: str
    agreed: int
    required: int
    expires_at: datetime | None
    reason: str


def waiting_line(run: Mapping[str, Any], person: Approver, now: datetime) -> WaitingLine:
    """A RunDetail with `awaiting`, for this person."""
    gate = gate_of(run["awaiting"])
    can = answering(run, gate, person, now)
    return WaitingLine(
        id=str(run["run_id"]),
        service=run["target_service"],
        instruction=one_line(run["instruction"]),
        requested_by=run["requested_by"],
        queued_at=run["queued_at"],
        step=run["current_step"],
        agreed=len(run["awaiting"]["agreed"]),
        required=gate.required_approvals,
        expires_at=run["awaiting"]["expires_at"],
        reason=can.reason,
    )


def gate_of(awaiting: Mapping[str, Any]) -> ApprovalGate:
    """What AwaitingView says, as a gate."""
    names = ("requirement", "approver_roles", "required_approvals", "self_approval")
    return ApprovalGate.model_validate({name: awaiting[name] for name in names})
