"""One open stream: what is sent, and when it ends."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.types import Message, Send

from api_service.api.live.hub import Hub, Waiter
from api_service.api.live.reader import RunReader
from moonmind.workflows.orchestrator.event_stream import Batch, Sent

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 15.0
"""How often an idle stream shows that it is alive, and that its reader may still look is asked again."""
POLL_SECONDS = 1.0
"""How often rows are read while nobody tells of new ones."""
LONGEST_SECONDS = 3600.0
"""A stream ends after so long; clients take it up again."""
SLOWEST_SECONDS = 60.0
"""A client that takes nothing for so long is gone."""
RETRY_MS = 2000
DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeoutError)


@dataclass(frozen=True, slots=True)
class Follower:
    """Somebody who follows one run. `is_welcome` asks whether they still may; `is_told`: new events are heard of."""

    hub: Hub
    waiter: Waiter
    reader: RunReader
    is_welcome: Callable[[], bool]
    is_told: Callable[[], bool]

    async def stream(self) -> AsyncIterator[bytes]:
        """The rest of the run, and what keeps the connection, until the run's end, ours, or that of the welcome."""
        now = asyncio.get_running_loop().time
        last, beat = now() + LONGEST_SECONDS, now() + HEARTBEAT_SECONDS
        yield format_sse_event(retry=RETRY_MS)
        while not self.hub.is_closed and now() < last:
            if now() >= beat:
                if not await self._ask_welcome():
                    return
                beat = now() + HEARTBEAT_SECONDS
                yield KEEPALIVE_COMMENT
            batch, encoded = await self._read()
            if encoded:
                yield encoded
            if self.reader.since.is_over:
                return
            if not batch.more:
                seconds = beat - now() if self.is_told() else POLL_SECONDS
                await self.hub.wait(self.reader.run, self.waiter, batch.log, seconds)

    async def _read(self) -> tuple[Batch, bytes]:
        """What comes next, and how it goes over the wire: nothing while the database is away."""
        read = self.reader.look if self.waiter.events else self.reader.go_on
        self.waiter.begin()
        try:
            return await self.hub.in_thread(lambda: _with_bytes(read()))
        except DATABASE_AWAY as error:
            log.warning("events of run %s: %s; trying again", self.reader.run, type(error).__name__)
            self.waiter.events = True
            return Batch(()), b""

    async def _ask_welcome(self) -> bool:
        try:
            return await self.hub.in_thread(self.is_welcome)
        except DATABASE_AWAY:
            return True  # nothing can be read now either


class EventStream(StreamingResponse):
    """An endless answer that does not wait for ever for a client that takes nothing.

    Not the framework's own: that one is for routes that can answer nothing but a stream.
    """

    media_type = "text/event-stream"

    async def stream_response(self, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(SLOWEST_SECONDS):
                await send(message)

        try:
            await super().stream_response(send_in_time)
        except TimeoutError:
            log.info("events: a client took nothing for %s s", SLOWEST_SECONDS)


def _with_bytes(batch: Batch) -> tuple[Batch, bytes]:
    return batch, encode(batch.sent)


def encode(events: Iterable[Sent]) -> bytes:
    """As they go over the wire. ASCII, so that no reader of lines finds ends where there are none."""
    return b"".join(format_sse_event(data_str=json.dumps(e.data), event=e.kind, id=str(e.id)) for e in events)
