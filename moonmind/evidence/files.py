"""Are a run's files those that it recorded, and is its change the one that was planned? Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from moonmind.evidence.diffs import check_diff
from moonmind.evidence.report import Check, make_check
from moonmind.evidence.shapes import FILES, ArtifactLine, Change, FileEntry, Manifest, PartEntry, PlanLine, StepLine
from moonmind.evidence.stories import MASK

PREVIEW, APPLIED, PRE_IMAGE = "patch_preview", "patch_diff", "pre_image"
DIFF_TYPES = (PREVIEW, APPLIED)
PRE_IMAGES = "pre-images/"
IN_FORCE = "patch_preview.diff"
"""The change that the newest plan makes."""

Diff = tuple[str, str, str]
"""Type, path and text."""


def check_files(manifest: Manifest, parts: Sequence[PartEntry], artifacts: Sequence[ArtifactLine]) -> Check:
    """Every artifact's row has its file, with the bytes that the run recorded."""
    there = {part.name: part for part in parts if part.name.startswith(FILES)}
    entries = {entry.artifact_id: entry for entry in manifest.files}
    findings = list(_strays(manifest, there, artifacts))
    for row in artifacts:
        findings += _wrong_with(row, entries.get(row.artifact_id), there)
    left_out = [row for row in artifacts if (e := entries.get(row.artifact_id)) and e.state == "left_out"]
    notes = [f"{row.path} is left out, as it may hold secrets; its SHA-256 is {row.checksum}" for row in left_out]
    seen = f"{len(there)} of {len(artifacts)} files, as the run recorded them"
    return make_check("files", seen, findings, notes)


def check_change(
    diffs: Sequence[Diff], artifacts: Sequence[ArtifactLine], plans: Sequence[PlanLine], steps: Sequence[StepLine]
) -> Check:
    """The diffs and the pre-images against the plan in force."""
    changes = plans[-1].changes if plans else []
    findings, notes = list(_wrong_pre_images(artifacts, changes)), []
    previews = {path: text for kind, path, text in diffs if kind == PREVIEW}
    for path, text in previews.items():
        wrong, unproven = check_diff(text, _changes_of(path, plans))
        findings += [f"{path}: {finding}" for finding in wrong]
        notes += [f"{path} does not show all of {file}: not checked against its SHA-256" for file in unproven]
    applied = [text for kind, _, text in diffs if kind == APPLIED]
    is_patched = any(step.name == "patch" and step.status == "succeeded" for step in steps)
    if is_patched and IN_FORCE in previews and not any(_shows(previews[IN_FORCE], text) for text in applied):
        findings.append("no diff of the patch step shows the change that was planned")
    return make_check("change", f"{len(changes)} changed files, {len(diffs)} diffs, as the plan says", findings, notes)


def _changes_of(path: str, plans: Sequence[PlanLine]) -> Sequence[Change]:
    """The plan that a preview shows: the one in force, or for `patch_preview-2.diff` version 2."""
    version = path.removeprefix(f"{PREVIEW}-").removesuffix(".diff")
    shown = [plan for plan in plans if path == IN_FORCE or str(plan.version) == version]
    return shown[-1].changes if shown else []


def _strays(manifest: Manifest, there: dict[str, PartEntry], artifacts: Sequence[ArtifactLine]) -> Iterator[str]:
    """What belongs to no row, or to two."""
    named = [entry.name for entry in manifest.files if entry.name is not None]
    numbers = [entry.artifact_id for entry in manifest.files]
    if len(set(named)) != len(named) or len(set(numbers)) != len(numbers):
        yield "a file is in the manifest twice"
    if len({row.artifact_id for row in artifacts}) != len(artifacts):
        yield "a file is recorded twice"
    for name in sorted(there.keys() - set(named)):
        yield f"{name} belongs to no file of the run"
    known = {row.artifact_id for row in artifacts}
    for entry in manifest.files:
        if entry.artifact_id not in known:
            yield f"the manifest names {entry.path}, which is no file of the run"


def _wrong_with(row: ArtifactLine, entry: FileEntry | None, there: dict[str, PartEntry]) -> Iterator[str]:
    """Findings about one artifact."""
    if entry is None or entry.path != row.path:
        yield f"{row.path} is not in the manifest"
    elif entry.state == "missing":
        yield f"{row.path} was missing when the bundle was made: {entry.reason}"
    elif entry.state == "left_out":
        if row.type != PRE_IMAGE:
            yield f"{row.path} was left out, and only pre-images may be"
    else:
        part = there.get(entry.name or "")
        if part is None or (part.sha256, part.size) != (row.checksum, row.size_bytes):
            yield f"{row.path} is not the file that the run recorded"


def _wrong_pre_images(artifacts: Sequence[ArtifactLine], changes: Sequence[Change]) -> Iterator[str]:
    before = {f"{PRE_IMAGES}{change.path}": change.before_sha256 for change in changes}
    for row in artifacts:
        if row.type == PRE_IMAGE and row.checksum != before.get(row.path):
            yield f"{row.path} is not the file that the plan was made for"


def _shows(preview: str, text: str) -> bool:
    """Whether a step's log holds the diff; where something was masked, that cannot be told."""
    return preview in text or MASK in preview or MASK in text
