"""Keeping a claim alive while a step works, and noticing when it is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from moonmind.engine.insist import insist
from moonmind.engine.jobs import CancelRequestedError, Claim, LeaseLostError
from moonmind.engine.repository import JobRepository
from moonmind.utils.log_context import carried

T = TypeVar("T")

LONGEST_BEAT_SECONDS = 2.0
"""How late a wish to cancel may be heard; a lease is extended at least three times before it lapses."""


JOIN_SECONDS = 5.0


class Heartbeat:
    """Extends a lease in the background. Inside the block, `check` is the fence.

    With `cancellable`, a wish to cancel stops the owner as well; without, it is left for whoever comes next.
    """

    def __init__(
        self, engine: Engine, jobs: JobRepository, claim: Claim, lease: float, *, cancellable: bool = True
    ) -> None:
        self._engine = engine
        self._jobs = jobs
        self._claim = claim
        self._lease = lease
        self._cancellable = cancellable
        self._done = threading.Event()
        self._stop = threading.Event()
        self._gone = threading.Event()
        self._deadline = time.monotonic() + lease
        self._thread = threading.Thread(target=carried(self._run), name=f"heartbeat-{claim.id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join(JOIN_SECONDS)  # a hung database must not hold the worker; the thread ends with its connection

    @property
    def must_stop(self) -> bool:
        """True once the lease is lost or somebody asked to cancel: end the command that runs."""
        return self._stop.is_set() or self._is_over

    def ignore_cancel(self) -> None:
        """From now on a wish to cancel is too late."""
        self._cancellable = False
        if not self._gone.is_set():
            self._stop.clear()

    def check(self) -> None:
        """Call it before every effect: asks the database. Raises LeaseLostError, CancelRequestedError."""
        if self._is_over:
            raise LeaseLostError
        if self.insist(self._ask) and self._cancellable:
            raise CancelRequestedError

    def insist(self, act: Callable[[], T]) -> T:
        """`act`, again and again while the database is away (see `moonmind.engine.insist`). Raises LeaseLostError once
        the lease has lapsed."""
        try:
            return insist(act, pause=self._outlast)
        except (OperationalError, InterfaceError):
            raise LeaseLostError from None

    def _outlast(self, seconds: float) -> bool:
        self._gone.wait(min(seconds, max(0.0, self._deadline - time.monotonic())))
        return not self._is_over

    def pause(self, seconds: float) -> None:
        """Wait. Raises as `check` does, as soon as there is a reason to."""
        if self._stop.wait(seconds) or self._is_over:
            self.check()

    @property
    def _is_over(self) -> bool:
        """The lease was lost, or was not extended in time, so that the reaper may have given the job away.

        For good: what was stopped for it cannot go on when a late extension succeeds after all.
        """
        if time.monotonic() >= self._deadline:
            self._give_up()
        return self._gone.is_set()

    def _ask(self) -> bool:
        with self._engine.connect() as connection:
            return self._jobs.check(connection, self._claim)

    def _run(self) -> None:
        while not (self._done.wait(min(self._lease / 3, LONGEST_BEAT_SECONDS)) or self._is_over):
            try:
                asked = time.monotonic()
                with self._engine.begin() as connection:
                    cancel = self._jobs.extend(connection, self._claim, self._lease)
                self._deadline = asked + self._lease
                if cancel and self._cancellable:
                    self._stop.set()
            except LeaseLostError:
                self._give_up()
            except SQLAlchemyError:
                continue  # the lease may outlast it

    def _give_up(self) -> None:
        self._gone.set()
        self._stop.set()
