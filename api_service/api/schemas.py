"""Requests and answers as the contract names them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api_service.api.approval_schemas import ApprovalView, AwaitingView, Remark, Token
from api_service.api.strict_json import Body
from moonmind.schemas.approvals import Requirement
from moonmind.schemas.workflow_models import (
    ApprovalStatus,
    ArtifactType,
    Failure,
    GeneratedBy,
    PlanStep,
    Priority,
    RunStatus,
    StepName,
    StepStatus,
)

VISIBLE = r"[^\s\u0000-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]"  # noqa: E501
"""A character that can be seen: no blank, control, format or filler. As clients read it, too: it is in the OpenAPI
document."""

_VISIBLE = re.compile(VISIBLE)


def _not_blank(text: str) -> str:
    if not _VISIBLE.search(text):
        raise PydanticCustomError("blank", "must not be blank")
    return text


class CreateRun(Body):
    """An instruction for one service. `approval_token`: of a dry run, good for a run that comes to the same plan."""

    instruction: Annotated[
        str,
        StringConstraints(min_length=1, max_length=4000),
        AfterValidator(_not_blank),
        Field(examples=["fix the missing dependency"], json_schema_extra={"pattern": VISIBLE}),
    ]
    target_service: Annotated[str, StringConstraints(min_length=1, max_length=63), Field(examples=["shop"])]
    priority: Priority = "normal"
    dry_run: bool = False
    approval_token: Token | None = None


class RetryRun(Body):
    """How to take an ended run up again; without a step, at the one that failed."""

    resume_from_step: Annotated[StepName | None, Field(strict=False)] = None
    reason: Remark | None = None


class RunSummary(BaseModel):
    """A run in a list."""

    run_id: UUID
    status: RunStatus
    target_service: str
    instruction: str
    priority: Priority
    dry_run: bool
    requested_by: str
    queued_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    approval_required: bool
    approval_status: ApprovalStatus
    current_step: StepName | None
    failure: Failure | None
    rollback_verified: bool | None
    retried_from: UUID | None


class RunList(BaseModel):
    """A page of runs, newest first; `next_cursor` is null on the last one."""

    runs: list[RunSummary]
    next_cursor: str | None


class ActionPlanView(BaseModel):
    """The plan in force."""

    plan_id: UUID
    version: int
    digest: str
    generated_at: datetime
    generated_by: GeneratedBy
    steps: list[PlanStep]


class StepView(BaseModel):
    """One attempt of one step."""

    name: StepName
    status: StepStatus
    attempt: int
    started_at: datetime | None
    completed_at: datetime | None
    worker_task_id: str | None
    message: str | None
    artifact_refs: list[UUID]


class RunArtifact(BaseModel):
    """A file of a run; its address is signed and expires."""

    artifact_id: UUID
    type: ArtifactType
    path: str
    checksum: str
    size_bytes: int
    created_at: datetime
    download_url: str
    expires_at: datetime


class ArtifactList(BaseModel):
    """All files of a run."""

    artifacts: list[RunArtifact]


class RunDetail(RunSummary):
    """Everything about a run. `awaiting` only while it waits for people."""

    action_plan: ActionPlanView | None
    steps: list[StepView]
    artifacts: list[RunArtifact]
    approvals: list[ApprovalView]
    awaiting: AwaitingView | None
    metrics: dict[str, Any]


class LastRun(BaseModel):
    """A service's newest run."""

    run_id: UUID
    status: RunStatus
    queued_at: datetime


class ServiceView(BaseModel):
    """A service that can be repaired. `approval`: when its gate asks people, as it is in force now."""

    name: str
    runtime: str
    allow: list[str]
    approval: Requirement
    lock_group: str
    active_run: UUID | None
    last_run: LastRun | None


class ServiceList(BaseModel):
    """All services of this installation."""

    services: list[ServiceView]


class EvidenceKey(BaseModel):
    """`key_id`: the SHA-256, in hex, of the key's 32 bytes. `public_key`: PEM."""

    key_id: str
    algorithm: str
    public_key: str


class ProblemDetails(BaseModel):
    """RFC 9457, with a stable code and what to do next."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    error: str
    remediation: str
    errors: list[dict[str, str]] | None = None
    known_services: list[str] | None = None
    files: list[str] | None = None
