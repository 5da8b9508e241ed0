"""Requests and answers about approvals and their gates, as the contract names them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api_service.api.strict_json import Body
from moonmind.schemas.approvals import Answer, ApprovalGate, GateSource, Requirement, Role

Token = Annotated[str, StringConstraints(min_length=1, max_length=500)]
"""From a run's approval-tokens."""
Remark = Annotated[str, StringConstraints(max_length=2000)]


_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9:]{5})"
)


def _moment(value: Any) -> Any:
    """RFC 3339 text as a time, no other form; what is no text stays for the strict check, which refuses it."""
    if not isinstance(value, str):
        return value
    try:
        if not _RFC_3339.fullmatch(value):
            raise ValueError
        return datetime.fromisoformat(value.upper())
    except ValueError:
        raise PydanticCustomError("moment", "must be a time such as 2026-01-31T12:00:00Z") from None


Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]


class ApproverRef(Body):
    """Who answers, in which role."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=63), Field(examples=["ann"])]
    role: Role


class AskForToken(Body):
    """In which role the answer will be given; without it, in the first that counts and that the key has."""

    role: Role | None = None


class AnswerApproval(Body):
    """One person's answer to a run that waits. `expires_at`: until when a yes is good, if not as long as the gate's."""

    approver: ApproverRef
    token: Token
    decision: Answer = "approve"
    comment: Remark | None = None
    expires_at: Moment | None = None


class ApproverView(BaseModel):
    """Whose token it is, and for which role."""

    id: str
    role: Role


class ApprovalTokenView(BaseModel):
    """The right to answer once about the plan with this digest."""

    token: str
    approver: ApproverView
    plan_digest: str
    expires_at: datetime


class ApprovalView(BaseModel):
    """One person's answer about one plan; one that was taken back has `revoked_at`."""

    approval_id: UUID
    approver: str
    role: Role
    decision: Answer
    plan_digest: str
    comment: str | None
    granted_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class AwaitingView(BaseModel):
    """Whose word a run waits for: `required_approvals` distinct people in one of these roles, until `expires_at`;
    `agreed`: whose yes counts now."""

    requirement: Requirement
    approver_roles: list[Role]
    required_approvals: int
    self_approval: bool
    expires_at: datetime
    agreed: list[str]


class PutGate(ApprovalGate):
    """The whole gate: what is left out is not what it was before, but the default."""

    model_config = ConfigDict(strict=True)

    requirement: Requirement
    approver_roles: Annotated[tuple[Role, ...], Field(strict=False, min_length=1, max_length=4)] = ("approver",)


class GateView(BaseModel):
    """A service's gate; `source`: where it comes from, the API over config.toml."""

    service: str
    requirement: Requirement
    approver_roles: list[Role]
    required_approvals: int
    valid_minutes: int
    self_approval: bool
    source: GateSource


class GateList(BaseModel):
    """The gate of every service."""

    approval_gates: list[GateView]
