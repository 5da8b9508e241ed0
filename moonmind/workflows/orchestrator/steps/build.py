"""Build: keeps what runs now under a rollback mark, then builds the target service only."""

from __future__ import annotations

from moonmind.engine.failpoints import hit
from moonmind.workflows.orchestrator.steps.context import StepContext, StepResult
from moonmind.workflows.orchestrator.steps.patch import check_taken_over
from moonmind.workflows.orchestrator.steps.way_back import keep_way_back


def build(step: StepContext) -> StepResult:
    """Build once there is a way back. `build_failed`."""
    check_taken_over(step)
    keep_way_back(step)
    hit("build.before")
    step.runtime.build(step.execute)
    hit("build.after")
    return StepResult(f"{step.run.target_service} is built")
