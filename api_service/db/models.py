"""The orchestrator's tables: runs, plans, artifacts, approvals, step states, events, outbox, keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from api_service.db.base import Base, LeasedJob, one_of
from moonmind.schemas.approvals import Answer, GateSource, Requirement
from moonmind.schemas.workflow_models import (
    ApprovalStatus,
    ArtifactType,
    GeneratedBy,
    RunKind,
    RunStatus,
    StepName,
    TaskState,
)

NOW = text("now()")
NEW_ID = text("gen_random_uuid()")


class OrchestratorRun(LeasedJob, Base):
    """One run: what was asked, where it stands, who owns it now, how it ended."""

    __tablename__ = "orchestrator_runs"
    __table_args__ = (
        one_of("kind", "kind", get_args(RunKind)),
        one_of("status", "status", tuple(RunStatus)),
        one_of("approval_status", "approval_status", get_args(ApprovalStatus)),
        one_of("next_step", "next_step", tuple(StepName)),
        one_of("start_step", "start_step", tuple(StepName)),
        CheckConstraint("(completed_at IS NOT NULL) = (next_step IS NULL)", name="terminal"),
        CheckConstraint("NOT holds_lock OR completed_at IS NULL", name="lock"),
        Index("uq_orchestrator_runs_active", "lock_group", unique=True, postgresql_where=text("holds_lock")),
        Index("ix_orchestrator_runs_open", "lock_group", "queued_at", postgresql_where=text("completed_at IS NULL")),
        Index("ix_orchestrator_runs_newest", "queued_at", "id"),
        Index("ix_orchestrator_runs_service", "target_service", "queued_at", "id"),
        Index("ix_orchestrator_runs_status", "status", "queued_at", "id"),
        Index(
            "ix_orchestrator_runs_verdict",
            *("target_service", "completed_at", "id"),
            postgresql_where=text("completed_at IS NOT NULL AND NOT dry_run AND status <> 'cancelled'"),
        ),
        Index(
            "ix_orchestrator_runs_untidied",
            "due_at",
            postgresql_where=text(
                "completed_at IS NOT NULL AND rollback_verified IS DISTINCT FROM false"
                " AND (progress ->> 'restore_point') IS NOT NULL"
            ),
        ),
        UniqueConstraint("requester", "idempotency_key"),
    )

    kind: Mapped[str]
    instruction: Mapped[str]
    target_service: Mapped[str]
    requester: Mapped[str]
    plan_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("orchestrator_action_plans.id", use_alter=True, deferrable=True, initially="DEFERRED")
    )
    approval_gate_id: Mapped[UUID | None] = mapped_column(ForeignKey("approval_gates.id"))
    approval_status: Mapped[str] = mapped_column(server_default="not_required")
    approval_expires_at: Mapped[datetime | None]
    artifact_root: Mapped[str]
    idempotency_key: Mapped[str | None]
    request_digest: Mapped[str]
    dry_run: Mapped[bool] = mapped_column(server_default=text("false"))
    start_step: Mapped[str] = mapped_column(server_default="analyze")
    progress: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    failure_code: Mapped[str | None]
    failure_reason: Mapped[str | None]
    rollback_verified: Mapped[bool | None]
    retried_from: Mapped[UUID | None] = mapped_column(ForeignKey("orchestrator_runs.id"))
    metrics_snapshot: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class OrchestratorActionPlan(Base):
    """One version of a run's plan; the newest is the one in force."""

    __tablename__ = "orchestrator_action_plans"
    __table_args__ = (
        UniqueConstraint("run_id", "version"),
        one_of("generated_by", "generated_by", get_args(GeneratedBy)),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("orchestrator_runs.id", ondelete="CASCADE"))
    version: Mapped[int]
    steps: Mapped[list[Any]]
    edits: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    changes: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    service_context: Mapped[dict[str, Any]]
    digest: Mapped[str]
    generated_at: Mapped[datetime] = mapped_column(server_default=NOW)
    generated_by: Mapped[str]


class OrchestratorRunArtifact(Base):
    """A finished file of a run. A file that grew in a later attempt keeps its row."""

    __tablename__ = "orchestrator_run_artifacts"
    __table_args__ = (UniqueConstraint("run_id", "path"), one_of("type", "type", tuple(ArtifactType)))

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("orchestrator_runs.id", ondelete="CASCADE"))
    step: Mapped[str | None]
    type: Mapped[str]
    path: Mapped[str]
    sha256: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


class ApprovalGate(Base):
    """The approval policy of one service. What was set through the API stays in force over `config.toml`."""

    __tablename__ = "approval_gates"
    __table_args__ = (
        one_of("requirement", "requirement", get_args(Requirement)),
        one_of("source", "source", get_args(GateSource)),
        CheckConstraint("required_approvals >= 1", name="required_approvals"),
        CheckConstraint("valid_minutes >= 5", name="valid_minutes"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    service: Mapped[str] = mapped_column(unique=True)
    requirement: Mapped[str]
    approver_roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    required_approvals: Mapped[int] = mapped_column(server_default=text("1"))
    valid_minutes: Mapped[int] = mapped_column(server_default=text("60"))
    self_approval: Mapped[bool] = mapped_column(server_default=text("false"))
    source: Mapped[str] = mapped_column(server_default="api")


class Approval(Base):
    """One person's decision on one plan digest. The subject is named by kind and id: delivery uses it too."""

    __tablename__ = "approvals"
    __table_args__ = (
        one_of("decision", "decision", get_args(Answer)),
        Index("ix_approvals_subject", "subject_kind", "subject_id"),
        Index(
            "uq_approvals_standing",
            *("subject_kind", "subject_id", "plan_digest", text("lower(approver)")),
            unique=True,
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID]
    approver: Mapped[str]
    role: Mapped[str]
    plan_digest: Mapped[str]
    decision: Mapped[str]
    comment: Mapped[str | None]
    granted_at: Mapped[datetime] = mapped_column(server_default=NOW)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class ApprovalToken(Base):
    """The right of one person to answer once, about one plan of one subject, for a short time."""

    __tablename__ = "approval_tokens"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID]
    approver: Mapped[str]
    role: Mapped[str]
    plan_digest: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SpecWorkflowTaskState(Base):
    """One row per run, step and attempt, in Celery's words; a failure says why."""

    __tablename__ = "spec_workflow_task_states"
    __table_args__ = (
        UniqueConstraint("run_id", "step", "attempt"),
        one_of("step", "step", tuple(StepName)),
        one_of("state", "state", tuple(TaskState)),
        CheckConstraint("state <> 'FAILURE' OR message IS NOT NULL", name="failure_says_why"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("orchestrator_runs.id", ondelete="CASCADE"))
    step: Mapped[str]
    attempt: Mapped[int]
    task_id: Mapped[str | None]
    state: Mapped[str]
    skipped: Mapped[bool] = mapped_column(server_default=text("false"))
    message: Mapped[str | None]
    artifact_ids: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    interrupted: Mapped[bool] = mapped_column(server_default=text("false"))
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class RunEvent(Base):
    """The append-only record of what happened to a subject, each row hashed over the one before."""

    __tablename__ = "run_events"

    subject_kind: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]]
    previous_hash: Mapped[str]
    hash: Mapped[str]


class EventHead(Base):
    """How far a subject's record goes, signed: a record that was cut or hashed anew does not fit its head."""

    __tablename__ = "event_heads"

    subject_kind: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int]
    hash: Mapped[str]
    key_id: Mapped[str]
    signature: Mapped[bytes] = mapped_column(LargeBinary)


class OutboxMessage(Base):
    """A message asked for in the transaction that made it necessary; a dispatcher sends it, then deletes the row."""

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID]
    queue: Mapped[str]
    tasks: Mapped[list[Any]]
    payload: Mapped[dict[str, Any]]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    not_before: Mapped[datetime] = mapped_column(server_default=NOW)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


class ApiKey(Base):
    """A key of the API: a person or program, its roles, and the hash of its secret (never the secret)."""

    __tablename__ = "api_keys"
    __table_args__ = (UniqueConstraint("secret_hash"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    owner: Mapped[str]
    name: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class Session(Base):
    """Somebody's sign-in to the pages: the hash of the cookie's secret, and the key that opened it (None: OpenID)."""

    __tablename__ = "sessions"
    __table_args__ = (UniqueConstraint("secret_hash"), Index("ix_sessions_expires_at", "expires_at"))

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[UUID | None] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"))
    owner: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    last_used_at: Mapped[datetime] = mapped_column(server_default=NOW)
    expires_at: Mapped[datetime]
