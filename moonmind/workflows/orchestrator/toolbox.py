"""What the use cases work with: the adapters that bootstrap chose, and the numbers that bound them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from moonmind.evidence.keys import SigningKey
from moonmind.utils.redaction import Redactor
from moonmind.workflows.orchestrator.clock import SystemClock
from moonmind.workflows.orchestrator.metrics import Metrics
from moonmind.workflows.orchestrator.planners import Knowledge, Planner
from moonmind.workflows.orchestrator.ports import (
    ArtifactStore,
    Clock,
    CommandRunner,
    Delivery,
    HealthProbe,
    Runtime,
    Workspace,
)
from moonmind.workflows.orchestrator.repositories import RunStore
from moonmind.workflows.orchestrator.service_profiles import ServiceCatalog
from moonmind.workflows.orchestrator.tracing import NullTracing, Tracing


@dataclass(frozen=True, slots=True)
class Toolbox:
    """`owner` names this worker process in leases; `lease` in seconds; `locks` is the folder of group locks."""

    store: RunStore
    catalog: ServiceCatalog
    artifacts: ArtifactStore
    runner: CommandRunner
    knowledge: Knowledge
    probe: HealthProbe
    metrics: Metrics
    runtime_of: Callable[[str], Runtime]
    workspace_of: Callable[[str], Workspace]
    delivery_of: Callable[[str], Delivery]
    planners_of: Callable[[str], tuple[Planner, ...]]
    locks: Path
    owner: str
    queue: str
    lease: float
    step_attempts: int
    signer: SigningKey
    clock: Clock = field(default_factory=SystemClock)
    redactor: Redactor = field(default_factory=Redactor)
    tracing: Tracing = field(default_factory=NullTracing)
