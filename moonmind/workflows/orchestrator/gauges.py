"""How queues and leases stand, reported every few seconds by each worker. The values are absolute: two say the same."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable

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
            values |= {f"queues.{_word(queue)}.{status}.{what}": 0 for what in ("runs", "oldest_seconds")}
    for runs in standing.open_runs:
        name = f"queues.{_word(runs.queue)}.{runs.status}"
        values |= {f"{name}.runs": runs.count, f"{name}.oldest_seconds": round(runs.oldest, 3)}
    return values


class GaugeReporter:
    """Looks every `interval` seconds. `queues`: those that are reported even when they are empty."""

    def __init__(self, engine: Engine, metrics: Metrics, queues: Iterable[str], *, interval: float) -> None:
        self._engine = engine
        self._metrics = metrics
        self._queues = set(queues)
        self._interval = interval

    def report(self) -> None:
        """Once, now. Raises SQLAlchemyError."""
        with self._engine.begin() as connection:
            standing = read_standing(connection)
        self._queues |= {runs.queue for runs in standing.open_runs}  # they are told when they are empty again
        self._metrics.gauges(gauge_values(standing, self._queues))

    def run(self, stop: threading.Event) -> None:
        """Report until `stop`; a database that is away is waited for."""
        while not stop.wait(self._interval):
            try:
                self.report()
            except SQLAlchemyError as error:
                log.warning("gauges: %s; trying again", type(error).__name__)


def _word(queue: str) -> str:
    """A queue's name as one part of a metric's name."""
    return queue.replace(".", "_")
