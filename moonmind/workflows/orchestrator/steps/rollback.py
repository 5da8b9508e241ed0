"""Rollback: files and build as they were, proven, and the service checked again. Twice gives the same."""

from __future__ import annotations

from moonmind.engine.failpoints import hit
from moonmind.schemas.workflow_models import ArtifactType
from moonmind.workflows.orchestrator.ports import EngineUnavailableError, StepFailedError
from moonmind.workflows.orchestrator.steps.context import StepContext, StepResult
from moonmind.workflows.orchestrator.steps.patch import pre_image_of, sha256, written_hashes
from moonmind.workflows.orchestrator.steps.verify import wait_until_healthy

THEIRS = "conflicts"


def rollback(step: StepContext) -> StepResult:
    """Undo what the run's progress says it may have done. Raises EngineUnavailableError: then it is tried again later.

    Whatever else cannot be undone is said and left as it is; `verified` is then False, the alarm state.
    """
    problems = [problem for path in step.progress.files if (problem := _restore_file(step, path))]
    hit("rollback.after_files")
    problems += _restore_build(step)
    for problem in problems:
        step.say(f"NOT UNDONE: {problem}")
    if problems:
        return StepResult("rollback is not complete: " + "; ".join(problems), verified=False)
    return StepResult("files and build are as they were before the run", verified=True)


def _restore_file(step: StepContext, path: str) -> str | None:
    step.guard()
    record = step.progress.files[path]
    try:
        image = pre_image_of(step, path)
        current = sha256(step.workspace.read(path))
        ours = current if current in written_hashes(record) else record["after_sha256"]
        step.workspace.restore(path, image, expect_sha256=ours)
        if sha256(step.workspace.read(path)) != record["before_sha256"]:
            return f"{path} is not as it was"
    except StepFailedError as error:
        theirs = step.workspace.read(path) if error.code == "changed_by_others" else None
        if theirs is not None:
            step.keep(ArtifactType.PRE_IMAGE, f"{THEIRS}/{path}", theirs)
        return error.reason
    step.say(f"restored {path} ({record['before_sha256']})")
    return None


def _restore_build(step: StepContext) -> list[str]:
    """Put the kept build back; restart and check only when another one may have run."""
    if step.progress.restore_point is None:
        return []
    try:
        there_was_one = step.runtime.restore(step.execute, step.progress.restore_point)
        hit("rollback.after_build")
        if not there_was_one or not step.progress.restarted:
            return []
        step.runtime.restart(step.execute)
        hit("rollback.after_restart")
        return _check_service(step)
    except EngineUnavailableError:
        raise
    except StepFailedError as error:
        return [error.reason]


def _check_service(step: StepContext) -> list[str]:
    """A service that was healthy must be so again; one that was broken before the run may be as broken as it was."""
    if not step.progress.healthy_before:
        step.say("the service was not healthy before the run; it is back as it was, which is checked by hash and build")
        return []
    complaint = wait_until_healthy(step)
    return [f"the service was healthy before and is not now: {complaint}"] if complaint else []
