"""Hearing of new events at once: one listening connection for a whole process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from moonmind.engine.backoff import backoff_seconds
from moonmind.engine.repository import EVENTS_CHANNEL

log = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 10.0


class EventListener:
    """Calls `told(kind, id)` for each subject that has a new event, and `missed` when some may have gone unheard.

    `arguments` are those of a connection. `is_on`: nothing goes unheard now; otherwise whoever waits must look.
    """

    def __init__(
        self, arguments: Mapping[str, Any], told: Callable[[str, UUID], None], missed: Callable[[], None]
    ) -> None:
        self._arguments = arguments
        self._told = told
        self._missed = missed
        self.is_on = False

    async def run(self) -> None:
        """Listen until cancelled; a database that is away is waited for."""
        failures = 0
        while True:
            try:
                await self._listen()
            except Exception as error:  # such as what somebody else says on the channel
                failures = 1 if self.is_on else failures + 1
                log.warning("events: %s: %s; listening again", type(error).__name__, str(error).splitlines()[:1])
            finally:
                self.is_on = False
            self._missed()
            await asyncio.sleep(backoff_seconds(failures, most=LONGEST_PAUSE_SECONDS))

    async def _listen(self) -> None:
        async with await AsyncConnection.connect(**self._arguments, autocommit=True) as connection:
            await connection.execute(f"LISTEN {EVENTS_CHANNEL}")
            self.is_on = True
            self._missed()
            async for notice in connection.notifies():
                kind, _, number = notice.payload.partition(":")
                self._told(kind, UUID(number))
