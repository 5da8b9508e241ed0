"""The reaper: the only safety net. Takes back jobs whose owner fell silent or whose message was lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from moonmind.engine.jobs import StuckJob, Wakeup
from moonmind.engine.repository import JobRepository, add_to_outbox

log = logging.getLogger(__name__)


class Reaper:
    """Looks every `interval` seconds at one table of jobs; `wakeup_for` says which message resumes a job.

    `leftovers` is asked, with the connection and the patience in seconds, for messages of jobs that have ended and are
    not done with all the same.
    """

    def __init__(
        self,
        engine: Engine,
        jobs: JobRepository,
        wakeup_for: Callable[[StuckJob], Wakeup],
        leftovers: Callable[[Connection, float], Sequence[Wakeup]],
        *,
        interval: float,
        patience: float,
    ) -> None:
        self._engine = engine
        self._jobs = jobs
        self._wakeup_for = wakeup_for
        self._leftovers = leftovers
        self._interval = interval
        self._patience = patience

    def sweep(self) -> int:
        """Take back what is stuck and ask for its messages, in one transaction; how many there were."""
        with self._engine.begin() as connection:
            stuck = self._jobs.take_back(connection, self._patience)
            for job in stuck:
                add_to_outbox(connection, self._wakeup_for(job))
            for wakeup in self._leftovers(connection, self._patience):
                add_to_outbox(connection, wakeup)
        for job in stuck:
            log.warning("reaper: job %s goes on from %s with epoch %d", job.id, job.next_step, job.epoch)
        return len(stuck)

    def run(self, stop: threading.Event) -> None:
        """Sweep until `stop`; a database that is away is waited for."""
        while not stop.wait(self._interval):
            try:
                self.sweep()
            except SQLAlchemyError as error:
                log.warning("reaper: %s; trying again", type(error).__name__)
            except Exception:
                log.exception("reaper: unexpected; trying again")
