"""Counts and timings of runs and steps, by StatsD. Silent without a host, harmless with a dead one.

docs/OrchestratorArchitecture.md lists the names; a test holds the list against what is sent here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Literal, Protocol

from statsd import StatsClient

from moonmind.utils.statsd_sender import StatsdSender

PREFIX = "moonmind.orchestrator"

StepOutcome = Literal["succeeded", "failed", "retried"]
"""`retried`: the attempt came to nothing (no engine, a gate that is shut) and the step is done again later."""


class Metrics(Protocol):
    """What is reported; seconds, whole counts. Nothing here waits or raises."""

    def run_queued(self) -> None: ...

    def run_ended(self, status: str, seconds: float) -> None: ...

    def rollback_unverified(self) -> None: ...

    def step_started(self, step: str) -> None: ...

    def step_ended(self, step: str, outcome: StepOutcome, seconds: float) -> None: ...

    def gauges(self, values: Mapping[str, float]) -> None: ...

    def close(self) -> None: ...


class StatsdMetrics:
    """`moonmind.orchestrator.runs.queued`, `runs.status.<state>`, `runs.duration.<state>`, `steps.<step>.…`, gauges."""

    def __init__(self, host: str, port: int) -> None:
        ipv6 = ":" in host
        self._sender = StatsdSender(host, lambda: StatsClient(host, port, prefix=PREFIX, ipv6=ipv6))

    def run_queued(self) -> None:
        self._sender.send(lambda client: client.incr("runs.queued"))

    def run_ended(self, status: str, seconds: float) -> None:
        self._sender.send(lambda client: client.incr(f"runs.status.{status}"))
        self._sender.send(lambda client: client.timing(f"runs.duration.{status}", seconds * 1000))

    def rollback_unverified(self) -> None:
        self._sender.send(lambda client: client.incr("runs.rollback_unverified"))

    def step_started(self, step: str) -> None:
        self._sender.send(lambda client: client.incr(f"steps.{step}.started"))

    def step_ended(self, step: str, outcome: StepOutcome, seconds: float) -> None:
        self._sender.send(lambda client: client.incr(f"steps.{step}.{outcome}"))
        self._sender.send(lambda client: client.timing(f"steps.{step}.duration", seconds * 1000))

    def gauges(self, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._sender.send(partial(StatsClient.gauge, stat=name, value=value))

    def close(self) -> None:
        self._sender.close()


class NullMetrics:
    """Nobody listens."""

    def run_queued(self) -> None: ...

    def run_ended(self, status: str, seconds: float) -> None: ...

    def rollback_unverified(self) -> None: ...

    def step_started(self, step: str) -> None: ...

    def step_ended(self, step: str, outcome: StepOutcome, seconds: float) -> None: ...

    def gauges(self, values: Mapping[str, float]) -> None: ...

    def close(self) -> None: ...


def make_metrics(host: str | None, port: int) -> Metrics:
    """StatsD when there is a host, else nobody."""
    return NullMetrics() if host is None else StatsdMetrics(host, port)
