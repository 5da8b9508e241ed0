"""What a service's policy asks of people before a run may touch it, and what people answer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from moonmind.schemas.workflow_models import Frozen

Role = Literal["viewer", "operator", "approver", "admin"]
Requirement = Literal["none", "pre-run", "pre-verify"]
Answer = Literal["approve", "reject"]
GateSource = Literal["config", "api"]


class ApprovalGate(Frozen):
    """When people must agree: `pre-run` before the first effect, by the exact diff; `pre-verify` when the change runs.

    `required_approvals` distinct people, each in one of `approver_roles`; whoever asked for the run counts only with
    `self_approval`. A question, and a yes, are good for `valid_minutes`.
    """

    requirement: Requirement = "none"
    approver_roles: tuple[Role, ...] = Field(("approver",), min_length=1, max_length=4)
    required_approvals: int = Field(1, ge=1, le=20)
    valid_minutes: int = Field(60, ge=5, le=43_200)
    self_approval: bool = False
