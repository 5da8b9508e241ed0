"""Where a retry of an ended run begins, and what it takes over. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from moonmind.schemas.workflow_models import ActionPlan, FileChange, RunSnapshot, RunStatus, StepName


@dataclass(frozen=True, slots=True)
class EndedRun:
    """What is known of the run to retry. `analyzed`: its plan came out whole. `failing_step`: the last that failed.
    `rollback_verified` None: nothing was undone.
    `superseded_by`: a run that did something to the service since."""

    run: RunSnapshot
    plan: ActionPlan
    analyzed: bool
    failing_step: StepName | None
    rollback_verified: bool | None
    superseded_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Resumption:
    """`plan` None: a new one is made. `progress`: what the new run begins with."""

    start: StepName
    dry_run: bool
    plan: ActionPlan | None
    progress: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NotResumable:
    """Why a run cannot be taken up like this, and what can be done; `files`: those that are not as they must be."""

    code: str
    reason: str
    files: tuple[str, ...] = ()


FROM_ANALYZE = "`resume_from_step: analyze` always works"


def decide_resumption(
    ended: EndedRun, asked: StepName | None, hashes: Mapping[str, str | None] | None
) -> Resumption | NotResumable:
    """Where the new run starts. `hashes`: SHA-256 of the plan's files now (None: no file), or None when they cannot be
    seen from here; whoever patches looks again in any case.

    An undone run has its files and its build back, so its edits are applied again first, and built again: whichever
    later step was asked for, it begins at patch. It knows which failures its plan is for: they are no news.
    """
    wanted = asked or _default_step(ended)
    if isinstance(wanted, NotResumable):
        return wanted
    if wanted is StepName.ROLLBACK:
        return _undo_again(ended)
    if wanted is StepName.ANALYZE:
        return Resumption(wanted, ended.run.dry_run, None, {})
    if not ended.analyzed:
        return NotResumable("not_resumable", f"that run never got past analyze; {FROM_ANALYZE}")
    is_done = ended.run.status is RunStatus.SUCCEEDED and not ended.run.dry_run
    if is_done and wanted is StepName.PATCH:
        return NotResumable(
            "not_resumable", f"its change is in the workspace already; build is the next; {FROM_ANALYZE}"
        )
    if changed := _changed(ended.plan.changes, hashes, applied=is_done):
        named = ", ".join(changed)
        return NotResumable("inputs_changed", f"changed since that run: {named}; {FROM_ANALYZE}", changed)
    seen = {"seen": planned} if (planned := ended.run.progress.get("seen")) else {}
    return Resumption(wanted if is_done else StepName.PATCH, False, ended.plan, seen)


def _default_step(ended: EndedRun) -> StepName | NotResumable:
    if ended.rollback_verified is False and ended.superseded_by is None:
        return StepName.ROLLBACK
    if ended.failing_step is not None:
        return ended.failing_step
    if ended.run.dry_run and ended.run.status is RunStatus.SUCCEEDED:
        return StepName.PATCH
    if ended.run.status is RunStatus.SUCCEEDED:
        return NotResumable("not_resumable", "nothing failed in that run: say `resume_from_step`")
    return StepName.ANALYZE


def _undo_again(ended: EndedRun) -> Resumption | NotResumable:
    """Only an undoing that was not verified left something to undo; its pre-images stay where that run kept them."""
    if ended.rollback_verified is not False:
        return NotResumable("not_resumable", "that run left nothing to roll back; ask for a new run to change it")
    if ended.superseded_by is not None:
        reason = f"run {ended.superseded_by} did something to the service since: undoing this one now would undo that"
        return NotResumable("not_resumable", reason)
    kept_by = str(ended.run.id)
    files = {
        path: {**record, "kept_by": record.get("kept_by") or kept_by}
        for path, record in ended.run.progress.get("files", {}).items()
    }
    return Resumption(StepName.ROLLBACK, False, ended.plan, {**ended.run.progress, "files": files})


def _changed(
    changes: tuple[FileChange, ...], hashes: Mapping[str, str | None] | None, *, applied: bool
) -> tuple[str, ...]:
    if hashes is None:
        return ()
    return tuple(
        change.path
        for change in changes
        if hashes.get(change.path) != (change.after_sha256 if applied else change.before_sha256)
    )
