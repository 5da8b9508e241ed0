"""Build: keeps what runs now under a rollback mark, then builds the target service only."""

from __future__ import annotations

from dataclasses import replace

from moonmind.engine.failpoints import hit
from moonmind.workflows.orchestrator.steps.context import StepContext, StepResult


def build(step: StepContext) -> StepResult:
    """Build once there is a way back. `build_failed`."""
    step.note(replace(step.progress, touched=True))
    if step.progress.restore_point is None:
        point = step.runtime.restore_point(step.execute, step.run.id)
        step.note(replace(step.progress, restore_point=dict(point)))
    hit("build.before")
    step.runtime.build(step.execute)
    hit("build.after")
    return StepResult(f"{step.run.target_service} is built")
