"""Patch: writes exactly the previewed change, after keeping every file as it was."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from moonmind.engine.failpoints import hit
from moonmind.schemas.workflow_models import ArtifactType, FileChange
from moonmind.workflows.orchestrator.edits import apply_edits, unified_diff
from moonmind.workflows.orchestrator.policies import refuse_path
from moonmind.workflows.orchestrator.ports import ChangedByOthersError, PathRefusedError, PreImage, StepFailedError
from moonmind.workflows.orchestrator.steps.context import StepContext, StepResult

PRE_IMAGES = "pre-images"


def patch(step: StepContext) -> StepResult:
    """Apply the plan's edits. `path_refused`, `changed_by_others`, `delivery_not_possible`; nothing is written
    before everything was checked."""
    for change in step.plan.changes:
        _check_allowed(step, change.path)
    step.delivery.check(step.execute, step.plan.changes)
    step.pass_gate()
    _keep_pre_images(step)
    before = bytes_before(step)
    after = apply_plan(step, before)
    hit("patch.before_write")
    for change in step.plan.changes:
        step.guard()
        step.workspace.write(change.path, after[change.path], expect_sha256=_now(step, change))
        hit("patch.after_write")
    step.say(_prove(step, before))
    return StepResult(f"changed {', '.join(change.path for change in step.plan.changes)}")


def check_taken_over(step: StepContext) -> None:
    """For a run that begins after patch: the edits it stands on are still on disk. `changed_by_others`."""
    if step.run.start_step is not step.step:
        return
    for change in step.plan.changes:
        if sha256(step.workspace.read(change.path)) != change.after_sha256:
            raise ChangedByOthersError(change.path)


def sha256(content: bytes | None) -> str | None:
    """In hexadecimal; None for no file."""
    return None if content is None else hashlib.sha256(content).hexdigest()


def pre_image_of(step: StepContext, path: str) -> PreImage | None:
    """A kept pre-image, from the run's own files."""
    record = step.progress.files[path]
    if not record["existed"]:
        return None
    kept_by = UUID(record["kept_by"]) if "kept_by" in record else step.run.id  # a retried rollback's predecessor
    content = step.artifacts.get(kept_by, f"{PRE_IMAGES}/{path}")
    if sha256(content) != record["before_sha256"] or content is None:
        raise StepFailedError("pre_image_lost", f"the kept copy of {path} is missing or altered")
    return PreImage(content, record["mode"], record["uid"], record["gid"])


def _check_allowed(step: StepContext, path: str) -> None:
    if reason := refuse_path(path, step.profile.allow):
        raise PathRefusedError(f"{path}: {reason}")


def _keep_pre_images(step: StepContext) -> None:
    """Keep each file once per run, the first wins; then write down that this run may have touched them."""
    files: dict[str, Mapping[str, Any]] = dict(step.progress.files)
    for change in step.plan.changes:
        if change.path in files:
            files[change.path] = _planned_anew(files[change.path], change)
        else:
            image = step.workspace.pre_image(change.path)
            if sha256(image.content if image else None) != change.before_sha256:
                raise ChangedByOthersError(change.path)
            if image is not None:
                step.keep(ArtifactType.PRE_IMAGE, f"{PRE_IMAGES}/{change.path}", image.content)
            files[change.path] = _record(change, image)
    step.note(replace(step.progress, touched=True, begun=step.plan.digest, files=files))


def _record(change: FileChange, image: PreImage | None) -> dict[str, Any]:
    record = {"existed": image is not None, "before_sha256": change.before_sha256, "after_sha256": change.after_sha256}
    return record | ({"mode": image.mode, "uid": image.uid, "gid": image.gid} if image else {})


def _planned_anew(record: Mapping[str, Any], change: FileChange) -> dict[str, Any]:
    """A later round's plan for a file that an earlier one wrote: until it is written, the earlier bytes are there."""
    if record["after_sha256"] == change.after_sha256:
        return dict(record)
    return {**record, "after_sha256": change.after_sha256, "written_sha256": written_hashes(record)}


def written_hashes(record: Mapping[str, Any]) -> list[str | None]:
    """Every content that this run may have given the file."""
    return [*record.get("written_sha256", ()), record["after_sha256"]]


def bytes_before(step: StepContext) -> dict[str, bytes | None]:
    """The plan's files as this run found them; None for no file."""
    images = {change.path: pre_image_of(step, change.path) for change in step.plan.changes}
    return {path: image.content if image else None for path, image in images.items()}


def apply_plan(step: StepContext, before: Mapping[str, bytes | None]) -> dict[str, bytes]:
    """The files after the edits; they must come out as analyze previewed them."""
    after = apply_edits({path: content for path, content in before.items() if content is not None}, step.plan.edits)
    for change in step.plan.changes:
        if sha256(after.get(change.path)) != change.after_sha256:
            raise StepFailedError("preview_differs", f"{change.path} would not become what the plan shows")
    return after


def _now(step: StepContext, change: FileChange) -> str | None:
    """What the file must be when it is written: as before, or as this run wrote it (a crash, an earlier round)."""
    current = sha256(step.workspace.read(change.path))
    return current if current in written_hashes(step.progress.files[change.path]) else change.before_sha256


def _prove(step: StepContext, before: Mapping[str, bytes | None]) -> str:
    """The diff of what is on disk now, which must be what was planned."""
    on_disk = {change.path: step.workspace.read(change.path) for change in step.plan.changes}
    for change in step.plan.changes:
        if sha256(on_disk[change.path]) != change.after_sha256:
            raise ChangedByOthersError(change.path)
    return unified_diff(
        {path: content for path, content in before.items() if content is not None},
        {path: content for path, content in on_disk.items() if content is not None},
    )
