"""The dispatcher: sends what the outbox holds. The only place that publishes, so a request needs no broker."""

from __future__ import annotations

import logging
import threading

from psycopg import Error as DriverError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from moonmind.engine.backoff import backoff_seconds
from moonmind.engine.failpoints import hit
from moonmind.engine.jobs import Publisher
from moonmind.engine.repository import OUTBOX_CHANNEL, delete_from_outbox, take_from_outbox

log = logging.getLogger(__name__)

BATCH = 50
POLL_SECONDS = 2.0
"""How long a lost notification can delay a message."""


class Dispatcher:
    """Publishes outbox rows, woken by NOTIFY, any number of them side by side."""

    def __init__(self, engine: Engine, publisher: Publisher) -> None:
        self._engine = engine
        self._publisher = publisher

    def drain(self) -> int:
        """Send one batch; how many were sent. A row goes only when the broker has it: at least once, never lost."""
        with self._engine.begin() as connection:
            batch = take_from_outbox(connection, BATCH)
            for _, wakeup in batch:
                hit("dispatcher.before_publish")
                self._publisher.publish(wakeup.queue, wakeup.tasks, wakeup.payload)
                hit("dispatcher.after_publish")
            delete_from_outbox(connection, [number for number, _ in batch])
        return len(batch)

    def run(self, stop: threading.Event) -> None:
        """Send until `stop`; a broker or database that is away is waited for."""
        failures = 0
        while not stop.is_set():
            try:
                self._listen(stop)
                failures = 0
            except (OSError, SQLAlchemyError, DriverError, RuntimeError) as error:
                failures += 1
                log.warning("dispatcher: %s: %s; trying again", type(error).__name__, str(error).splitlines()[:1])
                stop.wait(backoff_seconds(failures, most=10.0))

    def _listen(self, stop: threading.Event) -> None:
        with self._engine.connect() as connection:
            listener = connection.connection.driver_connection
            assert listener is not None
            listener.autocommit = True
            try:
                listener.execute(f"LISTEN {OUTBOX_CHANNEL}")
                while not stop.is_set():
                    while self.drain():
                        pass
                    for _ in listener.notifies(timeout=POLL_SECONDS, stop_after=1):
                        pass
            finally:
                connection.invalidate()  # a listening connection must not go back to the pool
