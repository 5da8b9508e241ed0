"""How streams begin and end with the process: a server waits for open answers before it tells the app of the end."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from types import FrameType

from api_service.api.live.hub import Hub
from moonmind.engine.notices import EventListener

ENDING = (signal.SIGINT, signal.SIGTERM)


@asynccontextmanager
async def kept_open(hub: Hub, listener: EventListener) -> AsyncIterator[None]:
    """Within the block streams are told of new events; they end as soon as the process is to."""
    loop = asyncio.get_running_loop()
    listening = asyncio.create_task(listener.run())
    with before_the_end(partial(loop.call_soon_threadsafe, hub.close)):
        try:
            yield
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
            await hub.end()


@contextmanager
def before_the_end(call: Callable[[], object]) -> Iterator[None]:
    """Within the block, `call` comes before what the server does about SIGINT and SIGTERM.

    Signals go to the main thread only; a server in another one is told to end in other ways.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: handler for number in ENDING if callable(handler := signal.getsignal(number))}

    def handle(number: int, frame: FrameType | None) -> None:
        call()
        handlers[signal.Signals(number)](number, frame)

    for number in handlers:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
