"""Where a retry can begin, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from moonmind.schemas.workflow_models import StepName

WORDS: Mapping[StepName, str] = {
    StepName.ANALYZE: "analyze: look again, new plan",
    StepName.PATCH: "patch: the same plan again",
    StepName.BUILD: "build: the change is in place",
    StepName.RESTART: "restart",
    StepName.VERIFY: "verify",
    StepName.ROLLBACK: "rollback: put back what is left",
}


def start_choices(starts: Sequence[StepName], default: StepName | None) -> list[tuple[str, str, bool]]:
    """Each step to begin at, what it means, and whether it is the one to choose."""
    return [(step.value, WORDS[step], step is default) for step in starts]
