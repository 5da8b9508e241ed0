"""The engine's SQL: conditional claims, fenced writes, what the reaper takes back, the outbox.

Everything works on a connection that the caller opened; nothing here commits. Times are the database's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Table,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    true,
    tuple_,
    update,
)

from api_service.db.models import OutboxMessage, RunEvent
from moonmind.engine.events import FIRST_PREVIOUS, Event, event_hash
from moonmind.engine.jobs import Claim, LeaseLostError, StuckJob, Wakeup

OUTBOX_CHANNEL = "moonmind_outbox"
EVENTS_CHANNEL = "moonmind_events"
CLAIMABLE = ("pending", "running")


class JobRepository:
    """Leased jobs in one table (its columns are those of `LeasedJob`)."""

    def __init__(self, table: FromClause) -> None:
        assert isinstance(table, Table)
        self.table = table

    def claim(
        self, connection: Connection, job: UUID, epoch: int, step: str, owner: str, lease: float
    ) -> Mapping[str, Any] | None:
        """Take the step for `lease` seconds: the whole row as it is now, or None when there is nothing to take.

        Raises IntegrityError when another job of the lock group was claimed in the same instant.
        """
        t = self.table
        claimed = (
            update(t)
            .where(t.c.id == job, t.c.epoch == epoch, t.c.next_step == step, t.c.lease_owner.is_(None))
            .where(t.c.status.in_(CLAIMABLE), or_(t.c.holds_lock, self._is_next_of_its_group()))
            .values(
                status="running",
                holds_lock=True,
                lease_owner=owner,
                lease_expires_at=func.now() + timedelta(seconds=lease),
                attempt=t.c.attempt + 1,
                started_at=func.coalesce(t.c.started_at, func.now()),
            )
            .returning(t)
        )
        row = connection.execute(claimed).mappings().one_or_none()
        return dict(row) if row else None

    def extend(self, connection: Connection, claim: Claim, lease: float) -> bool:
        """Keep the lease for `lease` more seconds; True when somebody asked to cancel. Raises LeaseLostError."""
        t = self.table
        extended = (
            update(t)
            .where(self._owned(claim))
            .values(lease_expires_at=func.now() + timedelta(seconds=lease))
            .returning(t.c.cancel_requested_at)
        )
        row = connection.execute(extended).one_or_none()
        if row is None:
            raise LeaseLostError
        return row[0] is not None

    def check(self, connection: Connection, claim: Claim, *, lock: bool = False) -> bool:
        """True when somebody asked to cancel. Raises LeaseLostError unless the claim still stands.

        With `lock` the row stays as it is until the transaction ends.
        """
        asked = select(self.table.c.cancel_requested_at).where(self._owned(claim))
        row = connection.execute(asked.with_for_update() if lock else asked).one_or_none()
        if row is None:
            raise LeaseLostError
        return row[0] is not None

    def write(self, connection: Connection, claim: Claim, values: Mapping[str, Any]) -> None:
        """Change the row as the claim's owner. Raises LeaseLostError, and then nothing was written."""
        if connection.execute(update(self.table).where(self._owned(claim)).values(values)).rowcount != 1:
            raise LeaseLostError

    def lock(self, connection: Connection, job: UUID) -> Mapping[str, Any] | None:
        """The whole row, which nobody else changes until the transaction ends; None when there is no such job.

        Whoever decides something about a job without owning it decides on this.
        """
        row = connection.execute(select(self.table).where(self.table.c.id == job).with_for_update()).mappings()
        found = row.one_or_none()
        return dict(found) if found else None

    def change(self, connection: Connection, job: UUID, values: Mapping[str, Any]) -> None:
        """Change a row that the caller locked."""
        connection.execute(update(self.table).where(self.table.c.id == job).values(values))

    def take_back(self, connection: Connection, patience: float, limit: int = 100) -> list[StuckJob]:
        """Jobs whose lease lapsed, whose wait is over, or that nobody claimed `patience` seconds after their message.

        One that somebody had, or that waited, gets a new epoch, so that whoever acted on it is fenced off; for one that
        nobody had, a second message of the same epoch does no harm. Jobs that wait for their lock group stay.
        """
        t = self.table
        claimable = t.c.status.in_(CLAIMABLE)
        lapsed = t.c.lease_expires_at < func.now()
        nobodys = t.c.lease_owner.is_(None)
        wait_is_over = and_(nobodys, ~claimable, t.c.due_at < func.now())
        unclaimed = and_(
            nobodys,
            claimable,
            t.c.due_at < func.now() - timedelta(seconds=patience),
            or_(t.c.holds_lock, self._is_next_of_its_group()),
        )
        stuck = (
            select(t.c.id)
            .where(t.c.completed_at.is_(None), or_(lapsed, wait_is_over, unclaimed))
            .order_by(t.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        taken = (
            update(t)
            .where(t.c.id.in_(stuck))
            .values(
                status=case((claimable, t.c.status), else_="running"),
                epoch=t.c.epoch + case((or_(lapsed, ~claimable), 1), else_=0),
                lease_owner=None,
                lease_expires_at=None,
                due_at=func.now(),
            )
            .returning(t.c.id, t.c.epoch, t.c.next_step, t.c.queue)
        )
        return [StuckJob(*row) for row in connection.execute(taken)]

    def next_of_group(self, connection: Connection, lock_group: str) -> StuckJob | None:
        """The job that may start now that the group is free: highest priority, then oldest."""
        t = self.table
        waiting = (
            select(t.c.id, t.c.epoch, t.c.next_step, t.c.queue)
            .where(t.c.lock_group == lock_group, _waits(t))
            .order_by(t.c.priority.desc(), t.c.queued_at, t.c.id)
            .limit(1)
        )
        row = connection.execute(waiting).one_or_none()
        return StuckJob(*row) if row else None

    def _owned(self, claim: Claim) -> ColumnElement[bool]:
        t = self.table
        return and_(t.c.id == claim.id, t.c.epoch == claim.epoch, t.c.lease_owner == claim.owner)

    def _is_next_of_its_group(self) -> ColumnElement[bool]:
        """No other job of the group is active, and none that waits has a better right."""
        t, other = self.table, self.table.alias("other")
        goes_first = or_(
            other.c.priority > t.c.priority,
            and_(
                other.c.priority == t.c.priority, tuple_(other.c.queued_at, other.c.id) < tuple_(t.c.queued_at, t.c.id)
            ),
        )
        in_the_way = or_(other.c.holds_lock, and_(_waits(other), goes_first))
        blocked = (
            select(true())
            .where(other.c.lock_group == t.c.lock_group, other.c.id != t.c.id)
            .where(in_the_way)
            .correlate(t)
        )
        return ~exists(blocked)


def add_to_outbox(connection: Connection, wakeup: Wakeup) -> None:
    """Ask for a message; it is sent after, and only if, this transaction commits."""
    connection.execute(
        insert(OutboxMessage).values(
            subject_kind=wakeup.subject_kind,
            subject_id=wakeup.subject_id,
            queue=wakeup.queue,
            tasks=list(wakeup.tasks),
            payload=dict(wakeup.payload),
        )
    )
    connection.execute(text(f"NOTIFY {OUTBOX_CHANNEL}"))


def _waits(t: FromClause) -> ColumnElement[bool]:
    """Could go on, and needs its lock group for that."""
    return and_(t.c.completed_at.is_(None), t.c.status.in_(CLAIMABLE), ~t.c.holds_lock)


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message in hand: how often sending it failed before."""

    id: int
    attempts: int
    wakeup: Wakeup


def take_from_outbox(connection: Connection) -> OutboxRow | None:
    """The oldest due message that no other dispatcher has in hand, locked until the transaction ends."""
    o = OutboxMessage
    due = (
        select(o.id, o.attempts, o.subject_kind, o.subject_id, o.queue, o.tasks, o.payload)
        .where(o.not_before <= func.now())
        .order_by(o.not_before, o.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = connection.execute(due).one_or_none()
    if row is None:
        return None
    wakeup = Wakeup(row.subject_kind, row.subject_id, row.queue, tuple(row.tasks), row.payload)
    return OutboxRow(row.id, row.attempts, wakeup)


def delete_from_outbox(connection: Connection, number: int) -> None:
    """Forget a message that the broker has."""
    connection.execute(delete(OutboxMessage).where(OutboxMessage.id == number))


def postpone_in_outbox(connection: Connection, number: int, seconds: float) -> None:
    """Keep a message that could not be sent, due again in `seconds`."""
    o = OutboxMessage
    later = {"attempts": o.attempts + 1, "not_before": func.now() + timedelta(seconds=seconds)}
    connection.execute(update(o).where(o.id == number).values(later))


def append_event(
    connection: Connection, subject_kind: str, subject_id: UUID, *, actor: str, kind: str, payload: Mapping[str, Any]
) -> None:
    """Add to a subject's record. The caller holds the subject's row, so that two writers cannot fork the chain."""
    e = RunEvent
    last = connection.execute(
        select(func.clock_timestamp(), e.sequence, e.hash)
        .select_from(
            select(text("1"))
            .subquery("one")
            .outerjoin(e, and_(e.subject_kind == subject_kind, e.subject_id == subject_id))
        )
        .order_by(e.sequence.desc().nulls_last())
        .limit(1)
    ).one()
    event = Event(subject_kind, subject_id, (last[1] or 0) + 1, last[0], actor, kind, dict(payload))
    previous = last[2] or FIRST_PREVIOUS
    row = {**asdict(event), "previous_hash": previous, "hash": event_hash(previous, event)}
    told = func.pg_notify(EVENTS_CHANNEL, f"{subject_kind}:{subject_id}")  # in the same round trip
    connection.execute(insert(e).values(row).returning(told))
