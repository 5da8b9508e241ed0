"""Restart: the target service only, with what was built."""

from __future__ import annotations

from dataclasses import replace

from moonmind.engine.failpoints import hit
from moonmind.workflows.orchestrator.steps.context import StepContext, StepResult
from moonmind.workflows.orchestrator.steps.patch import check_taken_over
from moonmind.workflows.orchestrator.steps.way_back import keep_way_back


def restart(step: StepContext) -> StepResult:
    """Restart the target; whether it works is verify's question. `restart_failed`, `peer_restarted`."""
    check_taken_over(step)
    keep_way_back(step)
    step.note(replace(step.progress, restarted=True))
    hit("restart.before")
    step.runtime.restart(step.execute)
    hit("restart.after")
    return StepResult(f"{step.run.target_service} was restarted, nothing else")
