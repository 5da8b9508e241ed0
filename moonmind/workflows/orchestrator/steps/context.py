"""What a step is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moonmind.schemas.service_profile import ServiceProfile
from moonmind.schemas.workflow_models import (
    ActionPlan,
    ArtifactInfo,
    ArtifactType,
    Edit,
    Finding,
    RunSnapshot,
    ServiceState,
    StepName,
)
from moonmind.utils.redaction import Redactor
from moonmind.workflows.orchestrator.planners import Knowledge, Planner, Remembered
from moonmind.workflows.orchestrator.ports import (
    ArtifactStore,
    Delivery,
    Execute,
    HealthProbe,
    LogSink,
    Runtime,
    Workspace,
)


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step that reached its goal. `findings` and the `edits` that this round makes for them are analyze's,
    `verified` is rollback's alone."""

    message: str
    plan: ActionPlan | None = None
    verified: bool | None = None
    findings: tuple[Finding, ...] = ()
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Setback:
    """How a round ended: the step that failed, with the name of its log among the run's files."""

    step: StepName
    code: str
    reason: str
    log: str


@dataclass(frozen=True, slots=True)
class Progress:
    """What a run has done to the world so far, written down before each effect; survives any crash.

    `touched`: something may need undoing. `files`: pre-image per edited path. `restore_point`: the runtime's own.
    `restarted`: another build may be running. `healthy_before`: what the health checks said before anything was done;
    None until somebody looked. `delivering`: it is verified and on its way into the repository: nothing undoes
    it any more. `begun`: the digest of the plan whose first effect was written down: its gate was passed. `round`:
    counts plans from 1. `setback`: why this round was begun. `seen`: the failures that earlier rounds planned for.
    """

    touched: bool = False
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    restore_point: Mapping[str, str | None] | None = None
    restarted: bool = False
    delivering: bool = False
    healthy_before: bool | None = None
    begun: str | None = None
    round: int = 1
    setback: Setback | None = None
    seen: Sequence[str] = ()


@dataclass(slots=True)
class StepContext:
    """One attempt of one step. `execute`, `guard` and `pause` raise LeaseLostError once the run belongs to another.

    `execute_within(seconds)`: `execute` with a time of its own. `ignore_cancel`: from now on it is too late to cancel.
    `saw`: fingerprints of what a later round's analyze found, None for other steps.
    """

    run: RunSnapshot
    plan: ActionPlan
    profile: ServiceProfile
    step: StepName
    runtime: Runtime
    workspace: Workspace
    delivery: Delivery
    artifacts: ArtifactStore
    knowledge: Knowledge
    planners: tuple[Planner, ...]
    remembered: Callable[[Finding], Sequence[Remembered]]
    probe: HealthProbe
    log: LogSink
    execute: Execute
    execute_within: Callable[[float], Execute]
    guard: Callable[[], None]
    pass_gate: Callable[[], object]
    ignore_cancel: Callable[[], None]
    pause: Callable[[float], None]
    seconds_left: Callable[[], float]
    remember: Callable[[Progress], None]
    progress: Progress
    redactor: Redactor
    kept: list[ArtifactInfo] = field(default_factory=list)
    saw: frozenset[str] | None = None

    def say(self, line: str) -> None:
        """A line of the step's log."""
        self.log.write(line.rstrip("\n") + "\n")

    def keep(self, kind: ArtifactType, path: str, content: bytes) -> ArtifactInfo:
        """Store a whole file of this run and list it with the step."""
        info = self.artifacts.put(self.run.id, kind, path, content, self.step)
        self.kept.append(info)
        return info

    def note(self, progress: Progress) -> None:
        """Write an intent down before its effect. Raises LeaseLostError, and then the effect must not happen."""
        self.remember(progress)
        self.progress = progress

    def complaints(self, state: ServiceState) -> list[str]:
        """What the health checks have against the service now; empty when it is healthy."""
        return complaints_about(state, self.profile, self.runtime, self.probe)


def complaints_about(state: ServiceState, profile: ServiceProfile, runtime: Runtime, probe: HealthProbe) -> list[str]:
    """What the profile's health checks have against a service in this state; empty when it is healthy."""
    if state.status not in ("running", "starting"):
        return [f"the service is {state.status}" + (f" ({state.exit_code})" if state.exit_code is not None else "")]
    values = runtime.probe_values()
    answers = [probe(check, values, state) for check in profile.health]
    return [answer for answer in answers if answer is not None]
