"""The dispatcher: sends what the outbox holds. The only place that publishes, so a request needs no broker."""

from __future__ import annotations

import logging
import threading

from psycopg import Error as DriverError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from moonmind.engine.backoff import backoff_seconds
from moonmind.engine.failpoints import hit
from moonmind.engine.jobs import BrokerAwayError, Publisher
from moonmind.engine.repository import (
    OUTBOX_CHANNEL,
    delete_from_outbox,
    postpone_in_outbox,
    take_from_outbox,
)

log = logging.getLogger(__name__)

POLL_SECONDS = 2.0
"""How long a lost notification can delay a message."""
LONGEST_POSTPONE_SECONDS = 60.0


class Dispatcher:
    """Publishes outbox rows, woken by NOTIFY, any number of them side by side."""

    def __init__(self, engine: Engine, publisher: Publisher) -> None:
        self._engine = engine
        self._publisher = publisher
        self._sent_nothing = True

    def drain(self) -> int:
        """Send what is due; how many were sent. Raises BrokerAwayError.

        A row goes only when the broker has it: at least once, never lost. One that cannot be sent, while others can,
        waits longer each time and holds up nobody.
        """
        sent = 0
        while (outcome := self._send_next()) is not None:
            sent += outcome
        return sent

    def run(self, stop: threading.Event) -> None:
        """Send until `stop`, whatever happens: a broker or database that is away is waited for."""
        failures = 0
        while not stop.is_set():
            try:
                self._listen(stop)
            except Exception as error:
                failures = failures + 1 if self._sent_nothing else 1
                self._sent_nothing = True
                _report(error)
                stop.wait(backoff_seconds(failures, most=10.0))

    def _send_next(self) -> bool | None:
        """True: one was sent; False: one was postponed; None: nothing is due. One row, one short transaction."""
        with self._engine.begin() as connection:
            row = take_from_outbox(connection)
            if row is None:
                return None
            try:
                hit("dispatcher.before_publish")
                self._publisher.publish(row.wakeup.queue, row.wakeup.tasks, row.wakeup.payload)
                hit("dispatcher.after_publish")
            except BrokerAwayError:
                raise
            except Exception:
                log.exception("dispatcher: message %d to %s cannot be sent", row.id, row.wakeup.queue)
                wait = backoff_seconds(row.attempts + 1, first=1.0, most=LONGEST_POSTPONE_SECONDS)
                postpone_in_outbox(connection, row.id, wait)
                return False
            delete_from_outbox(connection, row.id)
        self._sent_nothing = False
        return True

    def _listen(self, stop: threading.Event) -> None:
        with self._engine.connect() as connection:
            listener = connection.connection.driver_connection
            assert listener is not None
            listener.autocommit = True
            try:
                listener.execute(f"LISTEN {OUTBOX_CHANNEL}")
                while not stop.is_set():
                    self.drain()
                    for _ in listener.notifies(timeout=POLL_SECONDS, stop_after=1):
                        pass
            finally:
                connection.invalidate()  # a listening connection must not go back to the pool


def _report(error: Exception) -> None:
    """What is away is one line; what nobody thought of is a whole traceback."""
    if isinstance(error, BrokerAwayError | SQLAlchemyError | DriverError | OSError):
        log.warning("dispatcher: %s: %s; trying again", type(error).__name__, str(error).splitlines()[:1])
    else:
        log.error("dispatcher: unexpected; trying again", exc_info=error)
