"""What Prometheus reads: counted in the tables when it asks, and this process's requests."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from api_service.api.observed import RequestMetrics
from moonmind.schemas.workflow_models import RunStatus
from moonmind.workflows.orchestrator.metric_rows import (
    RunCount,
    RunningTotals,
    Standing,
    StepCount,
    Totals,
    cumulated,
    read_standing,
)

log = logging.getLogger(__name__)

PREFIX = "moonmind_orchestrator"


class DatabaseCollector(Collector):
    """Runs, steps, queues, leases and outbox as they are in PostgreSQL: the same from whichever process is asked.

    Totals are counted by one thread at a time, `cache_seconds` after the last time.
    """

    def __init__(self, engine: Engine, cache_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._cache_seconds = cache_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._counting = RunningTotals()
        self._totals: Totals | None = None
        self._good_until = float("-inf")

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All of it; a database that does not answer is itself a number."""
        standing = _or_nothing(lambda: standing_metrics(self._standing()))
        yield GaugeMetricFamily(f"{PREFIX}_database_up", "1 while PostgreSQL answers.", value=1 if standing else 0)
        yield from standing
        if standing:
            yield from _or_nothing(lambda: total_metrics(self._current_totals()))

    def _standing(self) -> Standing:
        with self._engine.begin() as connection:
            return read_standing(connection)

    def _current_totals(self) -> Totals:
        """Those in hand while they are good enough, or while somebody else counts; only the first are waited for."""
        if self._clock() >= self._good_until and self._lock.acquire(blocking=self._totals is None):
            try:
                self._count()
            finally:
                self._lock.release()
        return self._totals or Totals()

    def _count(self) -> None:
        if self._clock() < self._good_until:  # whoever was waited for did it
            return
        with self._engine.begin() as connection:
            self._totals = self._counting.count(connection)
        self._good_until = self._clock() + self._cache_seconds


def _or_nothing(read: Callable[[], Iterable[Metric]]) -> list[Metric]:
    try:
        return list(read())
    except SQLAlchemyError as error:
        log.warning("metrics: %s", type(error).__name__)
        return []


def make_registry(engine: Engine, requests: RequestMetrics, cache_seconds: float) -> CollectorRegistry:
    """A registry of this app's own."""
    registry = CollectorRegistry()
    registry.register(DatabaseCollector(engine, cache_seconds))
    registry.register(requests.registry)
    return registry


def standing_metrics(standing: Standing) -> Iterator[Metric]:
    """How things stand now."""
    runs = GaugeMetricFamily(f"{PREFIX}_open_runs", "Runs that are not over.", labels=("queue", "status"))
    oldest = GaugeMetricFamily(
        f"{PREFIX}_oldest_run_seconds", "Since the oldest of them was asked for.", labels=("queue", "status")
    )
    for each in standing.open_runs:
        runs.add_metric((each.queue, each.status), each.count)
        oldest.add_metric((each.queue, each.status), each.oldest)
    leases = GaugeMetricFamily(f"{PREFIX}_leases", "Steps that a worker has.", labels=("state",))
    leases.add_metric(("active",), standing.active_leases)
    leases.add_metric(("lapsed",), standing.lapsed_leases)
    yield from (runs, oldest, leases)
    yield GaugeMetricFamily(f"{PREFIX}_outbox_messages", "Messages not sent yet.", value=standing.outbox)
    yield GaugeMetricFamily(
        f"{PREFIX}_outbox_oldest_seconds", "Since the oldest of them was written.", value=standing.outbox_oldest
    )


def total_metrics(totals: Totals) -> Iterator[Metric]:
    """What came of everything so far."""
    runs, steps = totals.runs, totals.steps
    yield from _run_counters(runs)
    yield from _step_counters(steps)
    ended = [row for row in runs if row.bucket is not None]
    told = [(row.status, row.bucket, row.count, row.seconds) for row in ended]
    yield _histogram(f"{PREFIX}_run_duration_seconds", "Work on ended runs, all steps together.", "status", told)
    done = [(row.step, row.bucket, row.count, row.seconds) for row in steps if row.bucket is not None]
    yield _histogram(f"{PREFIX}_step_duration_seconds", "One attempt of a step.", "step", done)


def _run_counters(runs: Sequence[RunCount]) -> Iterator[Metric]:
    queued = CounterMetricFamily(f"{PREFIX}_runs_queued", "Runs accepted.", labels=("service",))
    ended = CounterMetricFamily(f"{PREFIX}_runs", "Runs that ended, by how.", labels=("status", "service"))
    for service in sorted({row.service for row in runs}):
        own = [row for row in runs if row.service == service]
        queued.add_metric((service,), sum(row.count for row in own))
        for status in RunStatus:
            if status.is_terminal:
                ended.add_metric((status, service), sum(row.count for row in own if row.status == status))
    unverified = CounterMetricFamily(
        f"{PREFIX}_rollbacks_unverified",
        "Runs whose undoing could not be verified.",
        value=sum(r.unverified for r in runs),
    )
    yield from (queued, ended, unverified)


def _step_counters(steps: Sequence[StepCount]) -> Iterator[Metric]:
    started = CounterMetricFamily(f"{PREFIX}_steps_started", "Attempts of steps that were begun.", labels=("step",))
    ended = CounterMetricFamily(f"{PREFIX}_steps", "Attempts that ended, by how.", labels=("step", "outcome"))
    for step in sorted({row.step for row in steps}):
        own = [row for row in steps if row.step == step]
        started.add_metric((step,), sum(row.count for row in own))
        for outcome in sorted({row.outcome for row in own if row.outcome is not None}):
            ended.add_metric((step, outcome), sum(row.count for row in own if row.outcome == outcome))
    yield from (started, ended)


def _histogram(
    name: str, about: str, label: str, rows: Sequence[tuple[str, int | None, int, float]]
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, about, labels=(label,))
    for value in sorted({row[0] for row in rows}):
        own = [(bucket, count, seconds) for of, bucket, count, seconds in rows if of == value]
        buckets = cumulated([(bucket, count) for bucket, count, _ in own])
        shown = [("+Inf" if edge == float("inf") else str(edge), count) for edge, count in buckets]
        family.add_metric((value,), buckets=shown, sum_value=sum(seconds for _, _, seconds in own))
    return family
