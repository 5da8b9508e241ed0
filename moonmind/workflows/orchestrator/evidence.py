"""Everything about one run in one signed file, for people who were not there. Reads, and writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from moonmind.evidence.container import LARGEST_PART
from moonmind.evidence.shapes import APPROVALS, ARTIFACTS, EVENTS, HEAD, PLANS, RUN, STEPS
from moonmind.evidence.writer import Export, FileToBundle, json_part, lines_part, write_bundle
from moonmind.schemas.workflow_models import ArtifactType, RunStatus
from moonmind.workflows.orchestrator import read_models
from moonmind.workflows.orchestrator.approvals import RunNotFoundError
from moonmind.workflows.orchestrator.ports import ArtifactStore, PathRefusedError
from moonmind.workflows.orchestrator.serializers import (
    record_head,
    run_approval,
    run_artifact,
    run_event,
    run_plan_version,
    run_summary,
    step_state,
)
from moonmind.workflows.orchestrator.toolbox import Toolbox

PRE_IMAGE = "a pre-image may hold secrets"
GONE = "it is not in the artifact folder"
TOO_LARGE = "it is too large for a bundle"
SHORT = "it is shorter than the run recorded"


def export_evidence(tools: Toolbox, run: UUID, person: str) -> Iterator[bytes]:
    """The bundle of a run as it is now, ended or not, in pieces. Raises RunNotFoundError before the first."""
    with tools.store.snapshot() as connection:
        rows = read_models.find_evidence(connection, run)
    if rows is None:
        raise RunNotFoundError
    return bundle_of(tools, rows, person)


def bundle_of(tools: Toolbox, rows: read_models.EvidenceRows, person: str) -> Iterator[bytes]:
    """The bundle of what was read of a run, with its files as they are on disk."""
    run: UUID = rows.run["id"]
    files = [_file(tools.artifacts, run, artifact) for artifact in rows.artifacts]
    return write_bundle(Export(run, RunStatus(rows.run["status"]), rows.at, person), _parts(rows), files, tools.signer)


def _parts(rows: read_models.EvidenceRows) -> Mapping[str, bytes]:
    return {
        RUN: json_part(run_summary(rows.run)),
        PLANS: lines_part(run_plan_version(plan) for plan in rows.plans),
        STEPS: lines_part(step_state(step) for step in rows.steps),
        APPROVALS: lines_part(run_approval(approval) for approval in rows.approvals),
        ARTIFACTS: lines_part(run_artifact(artifact) for artifact in rows.artifacts),
        EVENTS: lines_part(run_event(event) for event in rows.events),
        HEAD: json_part(record_head(rows.head) if rows.head else None),
    }


def _file(store: ArtifactStore, run: UUID, row: Mapping[str, Any]) -> FileToBundle:
    """As many bytes as were recorded: a log may have grown since."""
    about = (row["id"], row["path"], row["size_bytes"])
    if row["type"] == ArtifactType.PRE_IMAGE:
        return FileToBundle(*about, pieces=None, is_left_out=True, reason=PRE_IMAGE)
    if reason := _missing(store, run, row):
        return FileToBundle(*about, pieces=None, reason=reason)
    return FileToBundle(*about, pieces=store.chunks(run, row["path"]))


def _missing(store: ArtifactStore, run: UUID, row: Mapping[str, Any]) -> str | None:
    """Why an artifact cannot be given, None when it can."""
    if row["size_bytes"] > LARGEST_PART:
        return TOO_LARGE
    try:
        size = store.size(run, row["path"])
    except PathRefusedError:
        return GONE
    if size is None:
        return GONE
    return SHORT if size < row["size_bytes"] else None
