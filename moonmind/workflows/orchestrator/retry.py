"""Taking an ended run up again: a new run that links to the old one and begins where it makes sense."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from moonmind.schemas.workflow_models import ArtifactInfo, ArtifactType, StepName
from moonmind.workflows.orchestrator.approvals import RunNotFoundError
from moonmind.workflows.orchestrator.ports import StepFailedError, Workspace
from moonmind.workflows.orchestrator.resume import FROM_ANALYZE, EndedRun, NotResumable, Resumption, decide_resumption
from moonmind.workflows.orchestrator.toolbox import Toolbox
from moonmind.workflows.orchestrator.use_cases import Beginning, RunRequest, begin_anew, submit_run

SHOWN_TO_APPROVERS = (
    (ArtifactType.PLAN_SNAPSHOT, "plan.json"),
    (ArtifactType.PATCH_PREVIEW, "patch_preview.diff"),
)


class RunNotOverError(Exception):
    """The run has not ended yet."""


class NotResumableError(Exception):
    """That run cannot be taken up like this."""

    def __init__(self, refusal: NotResumable) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class RetryRequest:
    """`resume_from_step` None: the step that failed."""

    resume_from_step: StepName | None = None
    reason: str | None = None
    idempotency_key: str | None = None


def retry_run(tools: Toolbox, run: UUID, request: RetryRequest, requester: str, new_id: Callable[[], UUID]) -> UUID:
    """A new run that goes on from an ended one; after this returns it will end, whatever breaks.

    Raises RunNotFoundError, RunNotOverError, NotResumableError, and what `submit_run` raises.
    """
    with tools.store.transaction() as runs:
        ended = runs.find_ended(run)
    if ended is None:
        raise RunNotFoundError
    if not ended.run.status.is_terminal:
        raise RunNotOverError
    asked = RunRequest(
        instruction=ended.run.instruction,
        target_service=ended.run.target_service,
        priority=ended.run.priority,
        idempotency_key=request.idempotency_key,
        retried_from=run,
        resume_from_step=request.resume_from_step,
        reason=request.reason,
    )
    return submit_run(tools, asked, requester, new_id, lambda new: _begin(tools, asked, ended, new))


def retry_starts(tools: Toolbox, run: UUID) -> tuple[tuple[StepName, ...], StepName | None]:
    """Where a retry of an ended run could begin, as far as its record tells, and where it would without being asked."""
    with tools.store.transaction() as runs:
        ended = runs.find_ended(run)
    if ended is None or not ended.run.status.is_terminal:
        return (), None
    outcomes = {step: decide_resumption(ended, step, None) for step in StepName}
    starts = {outcome.start for outcome in outcomes.values() if isinstance(outcome, Resumption)}
    default = decide_resumption(ended, None, None)
    return tuple(step for step in StepName if step in starts), (
        default.start if isinstance(default, Resumption) else None
    )


def _begin(tools: Toolbox, asked: RunRequest, ended: EndedRun, new: UUID) -> Beginning:
    resumption = decide_resumption(ended, asked.resume_from_step, _hashes(tools, ended))
    match resumption:
        case NotResumable():
            raise NotResumableError(resumption)
        case Resumption(plan=None):
            return begin_anew(tools, asked, dry_run=resumption.dry_run)
        case Resumption(plan=plan):
            assert plan is not None
            copied = _copy(tools, ended, new)
            return Beginning(plan, resumption.dry_run, resumption.start, resumption.progress, copied)


def _hashes(tools: Toolbox, ended: EndedRun) -> Mapping[str, str | None] | None:
    """The plan's files now; None where this process cannot see the workspace (the API of a larger installation)."""
    workspace = tools.workspace_of(ended.run.target_service)
    if not workspace.is_here():
        return None
    return {change.path: _hash(workspace, change.path) for change in ended.plan.changes}


def _hash(workspace: Workspace, path: str) -> str | None:
    try:
        data = workspace.read(path)
    except StepFailedError:
        return "not a plain file any more"  # equals no hash, so it counts as changed
    return None if data is None else hashlib.sha256(data).hexdigest()


def _copy(tools: Toolbox, ended: EndedRun, new: UUID) -> tuple[ArtifactInfo, ...]:
    """The plan and its diff, so that whoever approves the new run finds them with it."""
    found = {(kind, path): tools.artifacts.get(ended.run.id, path) for kind, path in SHOWN_TO_APPROVERS}
    if ended.plan.changes and None in found.values():
        reason = "that run's plan and diff are gone, and nobody should approve what cannot be seen"
        raise NotResumableError(NotResumable("not_resumable", f"{reason}; {FROM_ANALYZE}"))
    return tuple(
        tools.artifacts.put(new, kind, path, content, StepName.ANALYZE)
        for (kind, path), content in found.items()
        if content is not None
    )
