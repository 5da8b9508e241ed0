"""What is shown of runs, read from PostgreSQL as plain rows. Nothing here writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, func, or_, select, text, true, tuple_

from api_service.db.models import (
    Approval,
    ApprovalGate,
    EventHead,
    OrchestratorActionPlan,
    OrchestratorRun,
    OrchestratorRunArtifact,
    OutboxMessage,
    RunEvent,
    SpecWorkflowTaskState,
)
from moonmind.workflows.orchestrator.event_stream import BOUNDARIES, Recorded

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs to list, newest first; `after` is the last one of the page before."""

    status: tuple[str, ...] = ()
    service: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    text: str | None = None
    after: tuple[datetime, UUID] | None = None
    limit: int = 20


@dataclass(frozen=True, slots=True)
class RunRows:
    """Everything about one run, `now` by the database's clock. `gate`: what its service asks of people now, if anything
    was ever asked."""

    run: Row
    plan: Row | None
    steps: Sequence[Row]
    artifacts: Sequence[Row]
    approvals: Sequence[Row]
    gate: Row | None
    now: datetime


@dataclass(frozen=True, slots=True)
class EvidenceRows:
    """All that is kept of one run, `at` a moment; plans and events from the first on."""

    at: datetime
    run: Row
    plans: Sequence[Row]
    steps: Sequence[Row]
    artifacts: Sequence[Row]
    approvals: Sequence[Row]
    events: Sequence[Row]
    head: Row | None


def find_run(connection: Connection, run: UUID) -> RunRows | None:
    """One run with its plan in force, its steps in the order they ran, its artifacts, and what people said."""
    r, p, g = OrchestratorRun, OrchestratorActionPlan, ApprovalGate
    row = _one(connection, select(r.__table__).where(r.id == run))
    if row is None:
        return None
    plan = _one(connection, select(p.__table__).where(p.id == row["plan_id"]))
    steps = list_steps(connection, run)
    gate = _one(connection, select(g.__table__).where(g.service == row["target_service"]))
    artifacts, approvals = list_artifacts(connection, run), list_approvals(connection, run)
    return RunRows(row, plan, steps, artifacts, approvals, gate, _now(connection))


def find_evidence(connection: Connection, run: UUID) -> EvidenceRows | None:
    """Everything about one run with its record; the caller's transaction decides as of when."""
    r, p, e, h = OrchestratorRun, OrchestratorActionPlan, RunEvent, EventHead
    row = _one(connection, select(r.__table__).where(r.id == run))
    if row is None:
        return None
    of_run = (e.subject_kind == "run", e.subject_id == run)
    return EvidenceRows(
        at=connection.execute(select(func.now())).scalar_one(),
        run=row,
        plans=_all(connection, select(p.__table__).where(p.run_id == run).order_by(p.version)),
        steps=list_steps(connection, run),
        artifacts=list_artifacts(connection, run),
        approvals=list_approvals(connection, run),
        events=_all(connection, select(e.__table__).where(*of_run).order_by(e.sequence)),
        head=_one(connection, select(h.__table__).where(h.subject_kind == "run", h.subject_id == run)),
    )


def list_runs(connection: Connection, wanted: RunFilter) -> list[Row]:
    """One page of runs, and one row more when there is a next page."""
    r = OrchestratorRun
    query = select(r.__table__).order_by(r.queued_at.desc(), r.id.desc()).limit(wanted.limit + 1)
    if wanted.status:
        query = query.where(r.status.in_(wanted.status))
    if wanted.service is not None:
        query = query.where(r.target_service == wanted.service)
    if wanted.created_after is not None:
        query = query.where(r.queued_at >= wanted.created_after)
    if wanted.created_before is not None:
        query = query.where(r.queued_at < wanted.created_before)
    if wanted.text:
        query = query.where(r.instruction.icontains(wanted.text, autoescape=True))
    if wanted.after is not None:
        query = query.where(tuple_(r.queued_at, r.id) < wanted.after)
    return _all(connection, query)


def list_steps(connection: Connection, run: UUID) -> list[Row]:
    """A run's attempts of steps, in the order they came to be."""
    s = SpecWorkflowTaskState
    return _all(connection, select(s.__table__).where(s.run_id == run).order_by(s.id))


def list_artifacts(connection: Connection, run: UUID) -> list[Row]:
    """A run's artifacts, oldest first."""
    a = OrchestratorRunArtifact
    query = select(a.__table__).where(a.run_id == run).order_by(a.created_at, a.path)
    return _all(connection, query)


def list_approvals(connection: Connection, run: UUID) -> list[Row]:
    """What people answered about a run, oldest first; answers that were taken back too."""
    a = Approval
    query = select(a.__table__).where(a.subject_kind == "run", a.subject_id == run).order_by(a.granted_at, a.id)
    return _all(connection, query)


def find_artifact(connection: Connection, run: UUID, artifact: UUID) -> Row | None:
    """One artifact of this run."""
    a = OrchestratorRunArtifact
    return _one(connection, select(a.__table__).where(a.run_id == run, a.id == artifact))


def list_events(connection: Connection, run: UUID, first: int, limit: int) -> list[Recorded]:
    """A run's record from the event number `first` on."""
    e = RunEvent
    columns = (e.sequence, e.at, e.actor, e.kind, e.payload)
    sealed = func.count().filter(e.kind.in_(BOUNDARIES)).over(order_by=e.sequence, rows=(1, None)) > 0
    query = select(*columns, sealed).where(e.subject_kind == "run", e.subject_id == run, e.sequence >= first)
    return [Recorded(*row) for row in connection.execute(query.order_by(e.sequence).limit(limit))]


def last_runs(connection: Connection) -> dict[str, Row]:
    """The newest run of each service."""
    return _newest_of_each_service(connection, OrchestratorRun.queued_at)


def last_outcomes(connection: Connection) -> dict[str, Row]:
    """The run of each service that came to a verdict about it last: no preview, and not cancelled before it began."""
    verdict = text("completed_at IS NOT NULL AND NOT dry_run AND status <> 'cancelled'")  # as its index has it
    return _newest_of_each_service(connection, OrchestratorRun.completed_at, verdict)


def _newest_of_each_service(connection: Connection, moment: Any, *where: Any) -> dict[str, Row]:
    """One look into an index for each service, however many runs there are."""
    r = OrchestratorRun
    first = select(func.min(r.target_service).label("service"))
    services = first.cte("services", recursive=True)
    following = select(func.min(r.target_service)).where(r.target_service > services.c.service).scalar_subquery()
    services = services.union_all(select(following).where(services.c.service.is_not(None)))
    # A range of one and its order fit the index by service alone: by time a service long out of use is far away.
    newest = select(r.__table__).where(r.target_service.between(services.c.service, services.c.service), *where)
    newest = newest.order_by(r.target_service.desc(), moment.desc(), r.id.desc())
    newest_one = newest.limit(1).lateral("newest")
    query = select(newest_one).select_from(services.join(newest_one, true()))
    return {row["target_service"]: row for row in _all(connection, query)}


def lock_holders(connection: Connection) -> dict[str, UUID]:
    """The active run of each lock group."""
    r = OrchestratorRun
    return {row.lock_group: row.id for row in connection.execute(select(r.lock_group, r.id).where(r.holds_lock))}


def _all(connection: Connection, query: Any) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]


def count_ahead(connection: Connection, run: Row) -> int:
    """How many runs of its lock group, the active one included, go before a run that waits for its turn."""
    r = OrchestratorRun
    earlier = and_(r.priority == run["priority"], tuple_(r.queued_at, r.id) < (run["queued_at"], run["id"]))
    better = or_(r.priority > run["priority"], earlier)
    goes_first = or_(r.holds_lock, and_(r.status.in_(("pending", "running")), better))
    others = (r.lock_group == run["lock_group"], r.id != run["id"], r.completed_at.is_(None))
    return int(connection.execute(select(func.count()).where(*others, goes_first)).scalar_one())


@dataclass(frozen=True, slots=True)
class SystemState:
    """What waits and who works. `leases`: runs that a worker has now; `outbox`: messages that are not sent yet, how
    many of them failed before, and since when the oldest waits; `now` is the database's clock."""

    runs: Mapping[str, int]
    leases: Sequence[Row]
    outbox: Row
    now: datetime


def system_state(connection: Connection) -> SystemState:
    """The queues and the workers, as the rows have them."""
    r, o = OrchestratorRun, OutboxMessage
    counts = connection.execute(select(r.status, func.count().label("number")).group_by(r.status)).all()
    held = ("id", "target_service", "next_step", "attempt", "queue", "lease_owner", "lease_expires_at")
    leases = select(*(getattr(r, name) for name in held)).where(r.lease_owner.is_not(None))
    backlog = select(
        func.count().label("messages"),
        func.count().filter(o.attempts > 0).label("failed"),
        func.min(o.created_at).label("oldest"),
    ).select_from(o)
    return SystemState(
        runs={row.status: row.number for row in counts},
        leases=[dict(row) for row in connection.execute(leases.order_by(r.lease_owner, r.id)).mappings()],
        outbox=dict(connection.execute(backlog).mappings().one()),
        now=_now(connection),
    )


def _now(connection: Connection) -> datetime:
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now


def _one(connection: Connection, query: Any) -> Row | None:
    row = connection.execute(query).mappings().one_or_none()
    return dict(row) if row else None
