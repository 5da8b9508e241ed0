"""Reading a run's events and logs for one stream, from where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import Engine

from moonmind.schemas.workflow_models import StepName
from moonmind.workflows.orchestrator.attempt import log_name
from moonmind.workflows.orchestrator.event_stream import (
    BEGINNING,
    CHUNK,
    FINISHED,
    STARTED,
    Batch,
    EventId,
    Recorded,
    next_batch,
)
from moonmind.workflows.orchestrator.ports import ArtifactStore
from moonmind.workflows.orchestrator.read_models import list_events

PAGE = 200
"""Events that are read at once."""


@dataclass(slots=True)
class RunReader:
    """`since` goes on with each batch. Waits for disk and database, so it is called in a thread; one at a time."""

    engine: Engine
    artifacts: ArtifactStore
    run: UUID
    since: EventId = BEGINNING
    _events: Sequence[Recorded] = ()

    def is_known(self) -> bool:
        """Whether this run's stream has such an id."""
        event = next(iter(self._list(1)), None)
        if event is None or (self.since.sequence and event.sequence != self.since.sequence):
            return False
        if self.since.is_over:
            return event.kind == FINISHED
        if not self.since.offset:
            return True
        if event.kind != STARTED or event.payload["step"] != self.since.step:
            return False
        return bool(self._read(StepName(self.since.step), event.payload["attempt"], self.since.offset - 1, 1))

    def look(self) -> Batch:
        """What comes next, from the rows as they are now."""
        self._events = self._list(PAGE)
        return self._next()

    def go_on(self) -> Batch:
        """What comes next, from the rows of the last look: more of a log, most likely."""
        return self._next() if self._events else self.look()

    def _next(self) -> Batch:
        batch = next_batch(self._events, self.since, self._read_chunk)
        if batch.sent:
            self.since = batch.sent[-1].id
        if len(self._events) == PAGE and not batch.more and not batch.log:  # a page that is all said
            self._events = ()
            return replace(batch, more=True)
        return batch

    def _list(self, limit: int) -> list[Recorded]:
        with self.engine.connect() as connection:
            return list_events(connection, self.run, self.since.sequence, limit)

    def _read_chunk(self, step: StepName, attempt: int, offset: int) -> bytes:
        return self._read(step, attempt, offset, CHUNK)

    def _read(self, step: StepName, attempt: int, offset: int, limit: int) -> bytes:
        return self.artifacts.read_from(self.run, log_name(step, attempt), offset, limit)
