"""What all tables share: the metadata, column kinds, and the columns that make a row a leased job."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, MetaData, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of every table, on one metadata. `str` is TEXT: lengths are checked where input comes in."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {str: Text, datetime: DateTime(timezone=True), dict[str, Any]: JSONB, list[Any]: JSONB}  # noqa: RUF012 - SQLAlchemy reads it as a class attribute


def one_of(name: str, column: str, values: tuple[str, ...]) -> CheckConstraint:
    """A constraint that closes a text column to these values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=name)


class LeasedJob:
    """Columns of anything that the engine executes step by step (fix runs, delivery jobs).

    `epoch` is the fencing token: it rises whenever a new owner may act, and every write of an owner names it.
    `holds_lock` marks the one active job of a lock group. `due_at` is when somebody should have acted on a job that
    nobody has: when its message was last asked for, or when what it waits for is over.
    """

    id: Mapped[UUID] = mapped_column(primary_key=True)
    status: Mapped[str]
    priority: Mapped[int] = mapped_column(server_default=text("0"))
    queue: Mapped[str]
    lock_group: Mapped[str]
    holds_lock: Mapped[bool] = mapped_column(server_default=text("false"))
    next_step: Mapped[str | None]
    attempt: Mapped[int] = mapped_column(server_default=text("0"))
    epoch: Mapped[int] = mapped_column(server_default=text("1"))
    lease_owner: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    due_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    cancel_requested_at: Mapped[datetime | None]
    queued_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
