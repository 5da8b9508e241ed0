"""What must be kept before a build or a start may change what runs."""

from __future__ import annotations

from dataclasses import replace

from moonmind.workflows.orchestrator.steps.context import StepContext


def keep_way_back(step: StepContext) -> None:
    """Keep what runs now, once per run, and write down where it is, and how it was if analyze did not look."""
    if step.progress.healthy_before is None:
        healthy = not step.complaints(step.runtime.observe(step.execute))
        step.note(replace(step.progress, healthy_before=healthy))
    step.note(replace(step.progress, touched=True, begun=step.plan.digest))
    if step.progress.restore_point is None:
        point = step.runtime.restore_point(step.execute, step.run.id)
        step.note(replace(step.progress, restore_point=dict(point)))
