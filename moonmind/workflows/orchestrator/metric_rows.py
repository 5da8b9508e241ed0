"""What can be counted in the tables: how things stand now (cheap), and what came of everything so far (not so cheap).

Right for any number of processes, since none of them counts anything. Works on a connection that the caller opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ARRAY, ColumnElement, Connection, Float, Integer, Text, case, cast, func, literal, select, text

from api_service.db.models import OrchestratorRun, OutboxMessage, SpecWorkflowTaskState
from moonmind.schemas.workflow_models import TaskState

DURATION_BOUNDS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
"""Upper bounds of the durations' buckets, in seconds; the last bucket has none."""
STATEMENT_MS = 5_000
"""Counting must not keep a connection for long."""


@dataclass(frozen=True, slots=True)
class OpenRuns:
    """Runs that are not over: how many, and the seconds since the oldest was asked for."""

    queue: str
    status: str
    count: int
    oldest: float


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand at this moment. `outbox_oldest` in seconds, 0 when nothing waits."""

    open_runs: tuple[OpenRuns, ...]
    active_leases: int
    lapsed_leases: int
    outbox: int
    outbox_oldest: float


@dataclass(frozen=True, slots=True)
class RunCount:
    """Runs of one service and status. `bucket`: of DURATION_BOUNDS, by `seconds` of work; None while they are open."""

    service: str
    status: str
    bucket: int | None
    count: int
    seconds: float
    unverified: int


@dataclass(frozen=True, slots=True)
class StepCount:
    """Attempts of one step; `outcome` and `bucket` None for those that are under way."""

    step: str
    outcome: str | None
    bucket: int | None
    count: int
    seconds: float


def read_standing(connection: Connection) -> Standing:
    """One pass over the runs that are not over (a partial index has them), one over the outbox."""
    _bound(connection)
    r, o = OrchestratorRun, OutboxMessage
    lapsed = r.lease_expires_at < func.now()
    query = (
        select(
            *(r.queue, r.status, func.count(), _age(func.min(r.queued_at))),
            func.count(r.lease_expires_at).filter(~lapsed),
            func.count(r.lease_expires_at).filter(lapsed),
        )
        .where(r.completed_at.is_(None))
        .group_by(r.queue, r.status)
    )
    rows = connection.execute(query).all()
    backlog = connection.execute(select(func.count(), _age(func.min(o.created_at)))).one()
    return Standing(
        open_runs=tuple(OpenRuns(queue, status, count, float(age)) for queue, status, count, age, *_ in rows),
        active_leases=sum(row[4] for row in rows),
        lapsed_leases=sum(row[5] for row in rows),
        outbox=backlog[0],
        outbox_oldest=float(backlog[1] or 0),
    )


def count_runs(connection: Connection) -> list[RunCount]:
    """All runs, in one pass."""
    _bound(connection)
    r = OrchestratorRun
    spent = func.jsonb_each_text(r.metrics_snapshot).table_valued("key", "value")
    total = select(func.coalesce(func.sum(cast(spent.c.value, Float)), 0.0)).select_from(spent).scalar_subquery()
    seconds = case((r.completed_at.is_not(None), total), else_=None).label("seconds")
    each = select(r.target_service, r.status, seconds, r.rollback_verified).subquery()
    bucket = _bucket(each.c.seconds).label("bucket")
    columns = (each.c.target_service, each.c.status, bucket)
    unverified = func.count().filter(each.c.rollback_verified.is_(False))
    query = select(*columns, func.count(), func.coalesce(func.sum(each.c.seconds), 0.0), unverified).group_by(*columns)
    return [RunCount(*row) for row in connection.execute(query)]


def count_steps(connection: Connection) -> list[StepCount]:
    """All attempts of steps that were begun, in one pass."""
    _bound(connection)
    s = SpecWorkflowTaskState
    outcome = case(
        (s.state == TaskState.STARTED, cast(None, Text)),
        (s.interrupted, literal("interrupted")),
        (s.state == TaskState.RETRY, literal("retried")),
        (s.state == TaskState.FAILURE, literal("failed")),
        (s.skipped, literal("skipped")),
        else_=literal("succeeded"),
    )
    seconds = cast(func.extract("epoch", s.finished_at - s.started_at), Float)
    each = (
        select(s.step, outcome.label("outcome"), seconds.label("seconds")).where(s.started_at.is_not(None)).subquery()
    )
    columns = (each.c.step, each.c.outcome, _bucket(each.c.seconds).label("bucket"))
    query = select(*columns, func.count(), func.coalesce(func.sum(each.c.seconds), 0.0)).group_by(*columns)
    return [StepCount(*row) for row in connection.execute(query)]


def cumulated(counts: Sequence[tuple[int | None, int]]) -> list[tuple[float, int]]:
    """Buckets as Prometheus has them: for each upper bound how many are not above it; the last is all of them."""
    edges = (*DURATION_BOUNDS, float("inf"))
    return [(edge, sum(n for at, n in counts if at is not None and at <= index)) for index, edge in enumerate(edges)]


def _bucket(seconds: ColumnElement[float]) -> ColumnElement[int]:
    """The first bound that is not below `seconds`, by number. PostgreSQL's own buckets leave their upper bound out, so
    that it is asked about everything upside down."""
    below = literal([-bound for bound in reversed(DURATION_BOUNDS)], ARRAY(Float))
    return cast(len(DURATION_BOUNDS) - func.width_bucket(-seconds, below), Integer)


def _age(moment: ColumnElement[datetime]) -> ColumnElement[float]:
    return cast(func.extract("epoch", func.now() - moment), Float)


def _bound(connection: Connection) -> None:
    connection.execute(text(f"SET LOCAL statement_timeout = {STATEMENT_MS}"))
