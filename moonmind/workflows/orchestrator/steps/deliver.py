"""What becomes of a change once it is verified, as the profile's `delivery` says. The last part of verify."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from moonmind.schemas.workflow_models import Edit
from moonmind.workflows.orchestrator.ports import DeliveredChange, DeliveredFile, StepFailedError
from moonmind.workflows.orchestrator.steps.context import StepContext
from moonmind.workflows.orchestrator.steps.patch import apply_plan, bytes_before

DELIVERY_SECONDS = 60.0
"""Its own time: verify may have used up the step's. Some twenty git commands take well under a second."""


def deliver(step: StepContext) -> str:
    """Deliver this run's own change, and say where it is; empty when there is none.

    A change that cannot be delivered stays, verified, in the workspace: undoing a repair that works, because git is
    busy, would help nobody. It is said where everyone looks: in the step's message.
    """
    if not step.progress.files or step.profile.delivery == "leave":
        return ""
    step.guard()
    step.note(replace(step.progress, delivering=True))  # what is committed stays: no second look may undo it
    step.ignore_cancel()
    try:
        return "; " + step.delivery.deliver(step.execute_within(DELIVERY_SECONDS), _change(step))
    except StepFailedError as error:
        step.say(f"NOT DELIVERED ({error.code}): {error.reason}")
        return f"; NOT DELIVERED ({error.code}): {error.reason}"


def subject_of(edits: Sequence[Edit]) -> str:
    """A commit's first line: what the edits do."""
    if not edits:
        return "Repair by MoonMind"
    verb = {"add": "Add", "pin": "Pin", "remove": "Remove", "set": "Set", "replace": "Change"}
    first = edits[0]
    said = f"{verb[first.kind.rpartition('_')[2]]} {first.name or 'text'} in {first.file}"
    return said if len(edits) == 1 else f"{said} and {len(edits) - 1} more"


def _change(step: StepContext) -> DeliveredChange:
    assert step.run.started_at is not None  # a step is being done
    before = bytes_before(step)
    return DeliveredChange(
        run_id=step.run.id,
        digest=step.plan.digest,
        subject=subject_of(step.plan.edits),
        rationale="\n".join(edit.reason for edit in step.plan.edits),
        at=step.run.started_at,
        files=tuple(
            DeliveredFile(path, before.get(path), content) for path, content in apply_plan(step, before).items()
        ),
    )
