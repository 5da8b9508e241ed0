"""Metrics and traces that keep what they are told."""

from __future__ import annotations

from collections.abc import Mapping

from moonmind.workflows.orchestrator.metrics import StepOutcome
from moonmind.workflows.orchestrator.tracing import Span


class RecordingMetrics:
    """What was reported, in order, by the words of the port."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def run_queued(self) -> None:
        self.told.append("queued")

    def run_ended(self, status: str, seconds: float) -> None:
        assert seconds >= 0
        self.told.append(f"ended {status}")

    def rollback_unverified(self) -> None:
        self.told.append("unverified")

    def step_started(self, step: str) -> None:
        self.told.append(f"{step} started")

    def step_ended(self, step: str, outcome: StepOutcome, seconds: float) -> None:
        assert seconds >= 0
        self.told.append(f"{step} {outcome}")

    def gauges(self, values: Mapping[str, float]) -> None:
        raise AssertionError("no use case reports gauges")

    def close(self) -> None: ...


class RecordingTracing:
    """The spans, in order."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def add(self, span: Span) -> None:
        self.spans.append(span)

    def close(self) -> None: ...
