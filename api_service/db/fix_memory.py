"""The table of the memory of fixes; with `models`, which it builds on, all tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from api_service.db.base import Base, one_of
from api_service.db.models import NOW
from moonmind.schemas.workflow_models import GeneratedBy


class OrchestratorFix(Base):
    """What one round of a run did about one failure, and whether that repaired it: null until it is known."""

    __tablename__ = "orchestrator_fixes"
    __table_args__ = (
        UniqueConstraint("run_id", "round", "fingerprint"),
        one_of("planner", "planner", get_args(GeneratedBy)),
        one_of("outcome", "outcome", ("repaired", "not_repaired")),
        CheckConstraint("(outcome IS NULL) = (settled_at IS NULL)", name="settled"),
        CheckConstraint("round >= 1", name="round"),
        Index(
            "ix_orchestrator_fixes_settled",
            *("fingerprint", "settled_at", "id"),
            postgresql_where=text("outcome IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("orchestrator_runs.id", ondelete="CASCADE"))
    round: Mapped[int]
    service: Mapped[str]
    fingerprint: Mapped[str]
    kind: Mapped[str]
    subject: Mapped[str | None]
    remedy: Mapped[list[Any]]
    planner: Mapped[str]
    outcome: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    settled_at: Mapped[datetime | None]
