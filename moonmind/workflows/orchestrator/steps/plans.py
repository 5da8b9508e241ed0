"""A plan among the run's files: the one in force under a fixed name, those before it beside it."""

from __future__ import annotations

from moonmind.schemas.workflow_models import ActionPlan, ArtifactType
from moonmind.workflows.orchestrator.steps.context import StepContext

PLAN = "plan.json"
PREVIEW = "patch_preview.diff"


def keep_plan(step: StepContext, plan: ActionPlan, diff: str | None = None) -> None:
    """Keep the plan and its diff; a later round's takes the place of the one before, which stays as `plan-2.json`."""
    files = {PLAN: (ArtifactType.PLAN_SNAPSHOT, plan.model_dump_json(indent=2).encode() + b"\n")}
    if diff is not None:
        files[PREVIEW] = (ArtifactType.PATCH_PREVIEW, diff.encode())
    for name, (kind, content) in files.items():
        stem, suffix = name.rsplit(".", 1)
        before = step.artifacts.get(step.run.id, name)
        if before is not None and step.progress.round > 1 and before != content:
            step.keep(kind, f"{stem}-{step.plan.version}.{suffix}", before)
        step.keep(kind, name, content)
