"""What can be counted in the tables: how things stand now, and what came of everything so far.

Right for any number of processes, since none of them counts anything. Works on a connection that the caller opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Float,
    Integer,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
)

from api_service.db.models import OrchestratorRun, OutboxMessage, SpecWorkflowTaskState
from moonmind.schemas.workflow_models import StepName, TaskState

DURATION_BOUNDS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
"""Upper bounds of the durations' buckets, in seconds; the last bucket has none."""
SETTLED = timedelta(minutes=2)
"""After this a run's end is seen by everybody: no transaction of ours stays open that long (see `db.session`)."""


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

    def plus(self, other: RunCount) -> RunCount:
        """Both together; their labels are the same."""
        count, seconds = self.count + other.count, self.seconds + other.seconds
        return replace(self, count=count, seconds=seconds, unverified=self.unverified + other.unverified)


@dataclass(frozen=True, slots=True)
class StepCount:
    """Attempts of one step; `outcome` and `bucket` None for those that are under way."""

    step: str
    outcome: str | None
    bucket: int | None
    count: int
    seconds: float

    def plus(self, other: StepCount) -> StepCount:
        """Both together; their labels are the same."""
        return replace(self, count=self.count + other.count, seconds=self.seconds + other.seconds)


def read_standing(connection: Connection) -> Standing:
    """One pass over the runs that are not over (a partial index has them), one over the outbox."""
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


@dataclass(frozen=True, slots=True)
class Totals:
    """What came of everything so far; rows of the same labels add up."""

    runs: tuple[RunCount, ...] = ()
    steps: tuple[StepCount, ...] = ()


class RunningTotals:
    """Counts all runs and attempts. What ended a while ago never changes: it is counted once and remembered."""

    def __init__(self) -> None:
        self._settled = Totals()
        self._edge: datetime | None = None

    def count(self, connection: Connection) -> Totals:
        """The first time a pass over all rows, then over those of runs that are open or ended lately."""
        r = OrchestratorRun
        edge: datetime = connection.execute(select(func.now() - SETTLED)).scalar_one()
        ended = r.completed_at <= edge
        newly = _count(connection, ended if self._edge is None else and_(ended, r.completed_at > self._edge))
        unsettled = _count(connection, or_(r.completed_at.is_(None), r.completed_at > edge))
        self._settled, self._edge = _merged(self._settled, newly), edge
        return _merged(self._settled, unsettled)


def _count(connection: Connection, which: ColumnElement[bool]) -> Totals:
    return Totals(tuple(_count_runs(connection, which)), tuple(_count_steps(connection, which)))


def _merged(one: Totals, other: Totals) -> Totals:
    runs: dict[tuple[str, str, int | None], RunCount] = {}
    for run in (*one.runs, *other.runs):
        key = (run.service, run.status, run.bucket)
        runs[key] = run.plus(runs[key]) if key in runs else run
    steps: dict[tuple[str, str | None, int | None], StepCount] = {}
    for step in (*one.steps, *other.steps):
        of = (step.step, step.outcome, step.bucket)
        steps[of] = step.plus(steps[of]) if of in steps else step
    return Totals(tuple(runs.values()), tuple(steps.values()))


def _count_runs(connection: Connection, which: ColumnElement[bool]) -> Iterator[RunCount]:
    r = OrchestratorRun
    spent = [func.coalesce(cast(r.metrics_snapshot[step].astext, Float), 0.0) for step in StepName]
    seconds = case((r.completed_at.is_not(None), sum(spent[1:], spent[0])), else_=None).label("seconds")
    each = select(r.target_service, r.status, seconds, r.rollback_verified).where(which).subquery()
    columns = (each.c.target_service, each.c.status, _bucket(each.c.seconds).label("bucket"))
    unverified = func.count().filter(each.c.rollback_verified.is_(False))
    query = select(*columns, func.count(), func.coalesce(func.sum(each.c.seconds), 0.0), unverified).group_by(*columns)
    return (RunCount(*row) for row in connection.execute(query))


def _count_steps(connection: Connection, which: ColumnElement[bool]) -> Iterator[StepCount]:
    """Attempts that were begun."""
    r, s = OrchestratorRun, SpecWorkflowTaskState
    outcome = case(
        (s.state == TaskState.STARTED, cast(None, Text)),
        (s.interrupted, literal("interrupted")),
        (s.state == TaskState.RETRY, literal("retried")),
        (s.state == TaskState.FAILURE, literal("failed")),
        (s.skipped, literal("skipped")),
        else_=literal("succeeded"),
    )
    seconds = cast(func.extract("epoch", s.finished_at - s.started_at), Float)
    begun = select(s.step, outcome.label("outcome"), seconds.label("seconds")).join(r, r.id == s.run_id)
    each = begun.where(which, s.started_at.is_not(None)).subquery()
    columns = (each.c.step, each.c.outcome, _bucket(each.c.seconds).label("bucket"))
    query = select(*columns, func.count(), func.coalesce(func.sum(each.c.seconds), 0.0)).group_by(*columns)
    return (StepCount(*row) for row in connection.execute(query))


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
