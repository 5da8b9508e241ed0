"""Keeping a claim alive while a step works, and noticing when it is gone."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from moonmind.engine.jobs import Claim, LeaseLostError
from moonmind.engine.repository import JobRepository


class Heartbeat:
    """Extends a lease in the background, three times per lease. Inside the block, `check` is the fence."""

    def __init__(self, engine: Engine, jobs: JobRepository, claim: Claim, lease: float) -> None:
        self._engine = engine
        self._jobs = jobs
        self._claim = claim
        self._lease = lease
        self._done = threading.Event()
        self._lost = threading.Event()
        self._cancel = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"heartbeat-{claim.id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    @property
    def must_stop(self) -> bool:
        """True once the lease is lost or somebody asked to cancel: end the command that runs."""
        return self._lost.is_set() or self._cancel.is_set()

    @property
    def cancelled(self) -> bool:
        """True once somebody asked to cancel."""
        return self._cancel.is_set()

    def check(self) -> None:
        """Raise LeaseLostError unless the database says that the claim stands; call it before every effect."""
        if self._lost.is_set():
            raise LeaseLostError
        with self._engine.connect() as connection:
            self._jobs.check(connection, self._claim)

    def pause(self, seconds: float) -> None:
        """Wait; raises LeaseLostError as soon as the lease is lost."""
        if self._lost.wait(seconds):
            raise LeaseLostError

    def _run(self) -> None:
        deadline = time.monotonic() + self._lease
        while not self._done.wait(self._lease / 3):
            try:
                asked = time.monotonic()
                with self._engine.begin() as connection:
                    cancel = self._jobs.extend(connection, self._claim, self._lease)
                deadline = asked + self._lease
                if cancel:
                    self._cancel.set()
            except LeaseLostError:
                self._lost.set()
                return
            except SQLAlchemyError:
                if time.monotonic() >= deadline:  # by now the reaper may have given the job away
                    self._lost.set()
                    return
