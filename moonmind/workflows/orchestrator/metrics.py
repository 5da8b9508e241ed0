"""Counts and timings of runs and steps, by StatsD. Silent without a host, harmless with a dead one (UDP)."""

from __future__ import annotations

from typing import Protocol

from statsd import StatsClient

PREFIX = "moonmind.orchestrator"


class Metrics(Protocol):
    """What the use cases report; seconds, whole counts."""

    def run_queued(self) -> None: ...

    def run_ended(self, status: str, seconds: float) -> None: ...

    def step_started(self, step: str) -> None: ...

    def step_ended(self, step: str, *, succeeded: bool, seconds: float) -> None: ...


class StatsdMetrics:
    """`moonmind.orchestrator.runs.queued`, `runs.status.<state>`, `runs.duration.<state>`, `steps.<step>.…`."""

    def __init__(self, host: str, port: int) -> None:
        self._client = StatsClient(host, port, prefix=PREFIX)

    def run_queued(self) -> None:
        self._client.incr("runs.queued")

    def run_ended(self, status: str, seconds: float) -> None:
        self._client.incr(f"runs.status.{status}")
        self._client.timing(f"runs.duration.{status}", seconds * 1000)

    def step_started(self, step: str) -> None:
        self._client.incr(f"steps.{step}.started")

    def step_ended(self, step: str, *, succeeded: bool, seconds: float) -> None:
        self._client.incr(f"steps.{step}.{'succeeded' if succeeded else 'failed'}")
        self._client.timing(f"steps.{step}.duration", seconds * 1000)


class NullMetrics:
    """Nobody listens."""

    def run_queued(self) -> None: ...

    def run_ended(self, status: str, seconds: float) -> None: ...

    def step_started(self, step: str) -> None: ...

    def step_ended(self, step: str, *, succeeded: bool, seconds: float) -> None: ...


def make_metrics(host: str | None, port: int) -> Metrics:
    """StatsD when there is a host and its name is known, else nobody."""
    if host is None:
        return NullMetrics()
    try:
        return StatsdMetrics(host, port)
    except OSError:  # the host's name is unknown: metrics must never stop a run
        return NullMetrics()
