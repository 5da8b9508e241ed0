"""Who waits for more of which run, and what wakes them: a new event, or a log that grew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeVar
from uuid import UUID

from anyio import CapacityLimiter, to_thread

from moonmind.workflows.orchestrator.attempt import log_name
from moonmind.workflows.orchestrator.event_stream import LogEnd
from moonmind.workflows.orchestrator.ports import ArtifactStore

T = TypeVar("T")

LOOK_SECONDS = 0.25
"""How often a log that somebody waits for is looked at."""
READERS = 4
"""Threads, and so database connections, that all streams together keep busy at most."""


class NoStreamFreeError(Exception):
    """As many streams are open as may be, or the process ends."""


class Waiter:
    """One stream. `log`: where it waits for more of a log; `events`: whether there may be new ones."""

    def __init__(self) -> None:
        self.log: LogEnd | None = None
        self.events = True
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """There is something to read."""
        self._woken.set()

    def begin(self) -> None:
        """From here on nothing goes unnoticed: call it before reading."""
        self.log, self.events = None, False
        self._woken.clear()

    async def wait(self, seconds: float) -> None:
        """Until there is something to read, or so long; then it is time to look for events anyway."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            self.events = True


class Hub:
    """All streams of this process, no more than `most`. For the event loop's thread only."""

    def __init__(self, artifacts: ArtifactStore, most: int) -> None:
        self._artifacts = artifacts
        self._most = most
        self._waiters: dict[UUID, set[Waiter]] = {}
        self._tails: dict[UUID, asyncio.Task[None]] = {}
        self._threads = CapacityLimiter(READERS)
        self.is_closed = False

    @contextmanager
    def stream(self, run: UUID) -> Iterator[Waiter]:
        """A place for one stream of this run. Raises NoStreamFreeError."""
        if self.is_closed or sum(map(len, self._waiters.values())) >= self._most:
            raise NoStreamFreeError
        waiter = Waiter()
        self._waiters.setdefault(run, set()).add(waiter)
        try:
            yield waiter
        finally:
            self._waiters[run].discard(waiter)
            if not self._waiters[run]:
                del self._waiters[run]

    async def in_thread(self, act: Callable[[], T]) -> T:
        """Something that waits for disk or database."""
        return await to_thread.run_sync(act, limiter=self._threads)

    async def wait(self, run: UUID, waiter: Waiter, log: LogEnd | None, seconds: float) -> None:
        """Until there is more of this run, or of its `log`, or so long."""
        if self.is_closed:
            return
        waiter.log = log
        if log is not None and run not in self._tails:
            self._tails[run] = asyncio.create_task(self._follow_logs(run))
        await waiter.wait(seconds)

    def tell(self, kind: str, subject: UUID) -> None:
        """A subject has a new event."""
        for waiter in self._waiters.get(subject, ()) if kind == "run" else ():
            waiter.events = True
            waiter.wake()

    def tell_all(self) -> None:
        """Any of them may have."""
        for run in self._waiters:
            self.tell("run", run)

    def close(self) -> None:
        """Let every stream end now; its client comes back to another process."""
        self.is_closed = True
        self.tell_all()

    async def end(self) -> None:
        """Wait for what the hub itself began."""
        self.close()
        tails = tuple(self._tails.values())
        for tail in tails:
            tail.cancel()
        for tail in tails:
            with suppress(asyncio.CancelledError):
                await tail

    async def _follow_logs(self, run: UUID) -> None:
        """One tail for all who wait for more of this run's log; it ends when nobody does."""
        try:
            while ends := {waiter.log for waiter in self._waiters.get(run, ()) if waiter.log}:
                await asyncio.sleep(LOOK_SECONDS)
                for end in ends:
                    if await self.in_thread(partial(self._has_more, run, end)):
                        self._wake_at(run, end)
        finally:
            del self._tails[run]

    def _has_more(self, run: UUID, end: LogEnd) -> bool:
        try:
            return bool(self._artifacts.read_from(run, log_name(end.step, end.attempt), end.offset, 1))
        except OSError:
            return True  # whoever reads it meets the same

    def _wake_at(self, run: UUID, end: LogEnd) -> None:
        for waiter in self._waiters.get(run, ()):
            if waiter.log == end:
                waiter.wake()
