"""How things stand, reported every few seconds: queues and leases by each worker, event streams by each API.

The values are absolute, so that two workers say the same.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from moonmind.schemas.workflow_models import RunStatus
from moonmind.workflows.orchestrator.metric_rows import Standing, read_standing
from moonmind.workflows.orchestrator.metrics import Metrics

log = logging.getLogger(__name__)

OPEN_STATUSES = tuple(status for status in RunStatus if not status.is_terminal)


def gauge_values(standing: Standing, queues: Iterable[str]) -> dict[str, float]:
    """Value by name (below `moonmind.orchestrator`), with a zero for what is empty: a gauge keeps what it was told."""
    values: dict[str, float] = {
        "leases.active": standing.active_leases,
        "leases.lapsed": standing.lapsed_leases,
        "outbox.messages": standing.outbox,
        "outbox.oldest_seconds": round(standing.outbox_oldest, 3),
    }
    for queue in queues:
        for status in OPEN_STATUSES:
            values |= {f"queues.{as_word(queue)}.{status}.{what}": 0 for what in ("runs", "oldest_seconds")}
    for runs in standing.open_runs:
        name = f"queues.{as_word(runs.queue)}.{runs.status}"
        values |= {f"{name}.runs": runs.count, f"{name}.oldest_seconds": round(runs.oldest, 3)}
    return values


def as_word(name: str) -> str:
    """A queue's or a host's name as one part of a metric's name."""
    return name.replace(".", "_")


class QueueGauges:
    """Queues, leases and outbox, from the database. `queues`: those that are reported even when they are empty."""

    def __init__(self, engine: Engine, queues: Iterable[str]) -> None:
        self._engine = engine
        self._queues = set(queues)

    def read(self) -> Mapping[str, float]:
        """Values by name. Raises SQLAlchemyError."""
        with self._engine.begin() as connection:
            standing = read_standing(connection)
        self._queues |= {runs.queue for runs in standing.open_runs}  # they are told when they are empty again
        return gauge_values(standing, self._queues)


class GaugeReporter:
    """Hands what `read` gives to StatsD every `interval` seconds."""

    def __init__(self, read: Callable[[], Mapping[str, float]], metrics: Metrics, *, interval: float) -> None:
        self._read = read
        self._metrics = metrics
        self._interval = interval

    def run(self, stop: threading.Event) -> None:
        """At once, then until `stop`; a database that is away is waited for."""
        while True:
            try:
                self._metrics.gauges(self._read())
            except SQLAlchemyError as error:
                log.warning("gauges: %s; trying again", type(error).__name__)
            if stop.wait(self._interval):
                return
