"""The steps of a run: each a function of its context that does one thing, may be run again after a crash, and returns
what happened or raises StepFailedError."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from moonmind.schemas.workflow_models import StepName
from moonmind.workflows.orchestrator.steps.analyze import analyze
from moonmind.workflows.orchestrator.steps.build import build
from moonmind.workflows.orchestrator.steps.context import StepContext, StepResult
from moonmind.workflows.orchestrator.steps.patch import patch
from moonmind.workflows.orchestrator.steps.restart import restart
from moonmind.workflows.orchestrator.steps.rollback import rollback
from moonmind.workflows.orchestrator.steps.verify import verify

STEPS: Mapping[StepName, Callable[[StepContext], StepResult]] = {
    StepName.ANALYZE: analyze,
    StepName.PATCH: patch,
    StepName.BUILD: build,
    StepName.RESTART: restart,
    StepName.VERIFY: verify,
    StepName.ROLLBACK: rollback,
}

__all__ = ["STEPS", "StepContext", "StepResult"]
