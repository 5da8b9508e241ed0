"""StatsD from a thread of its own: who reports never waits for a name to resolve, nor for a socket."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from statsd import StatsClient

log = logging.getLogger(__name__)

Say = Callable[[StatsClient], None]

MOST_WAITING = 10_000
"""Reports in hand while a name resolves; what comes on top is dropped."""
RESOLVE_SECONDS = 60.0
"""How long an address is good: a sink that moved is found again."""
RETRY_SECONDS = 5.0
CLOSE_SECONDS = 1.0


class StatsdSender:
    """Sends what it is handed, in order; what cannot be sent is dropped. `connect` resolves and may raise OSError."""

    def __init__(self, host: str, connect: Callable[[], StatsClient]) -> None:
        self._host = host
        self._connect = connect
        self._waiting: queue.Queue[Say | None] = queue.Queue(MOST_WAITING)
        self._client: StatsClient | None = None
        self._connected = True
        self._again_at = 0.0
        self._thread = threading.Thread(target=self._run, name="statsd", daemon=True)
        self._thread.start()

    def send(self, say: Say) -> None:
        """Return at once, whatever becomes of it."""
        with suppress(queue.Full):
            self._waiting.put_nowait(say)

    def close(self) -> None:
        """Send what is in hand, for a second at most; what comes later is dropped."""
        try:
            self._waiting.put(None, timeout=CLOSE_SECONDS)
        except queue.Full:
            return
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        while (say := self._waiting.get()) is not None:
            if time.monotonic() >= self._again_at:
                self._resolve()
            if self._client is not None:
                say(self._client)
        self._forget()

    def _resolve(self) -> None:
        self._forget()
        try:
            self._client = self._connect()
        except OSError as error:
            self._note(connected=False, why=str(error))
            self._again_at = time.monotonic() + RETRY_SECONDS
        else:
            self._note(connected=True)
            self._again_at = time.monotonic() + RESOLVE_SECONDS

    def _forget(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None

    def _note(self, *, connected: bool, why: str = "") -> None:
        """Say it once when it changes."""
        if connected != self._connected:
            log.warning("statsd: %s", f"{self._host} is known again" if connected else f"{self._host}: {why}; dropping")
        self._connected = connected
