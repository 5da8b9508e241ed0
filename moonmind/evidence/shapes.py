"""What the parts of a bundle hold, as typed shapes; the names are those of the API. Pure."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from moonmind.schemas.workflow_models import RunStatus

FORMAT = "moonmind-evidence/1"
MANIFEST_PREFIX = b"moonmind evidence manifest v1\n"
"""Before what is signed of a manifest, so that no signature of ours for something else fits one."""
SUBJECT = "run"

README, RUN, PLANS, STEPS = "README.txt", "run.json", "plans.jsonl", "steps.jsonl"
APPROVALS, ARTIFACTS, EVENTS = "approvals.jsonl", "artifacts.jsonl", "events.jsonl"
HEAD, KEY, MANIFEST, SIGNATURE = "head.json", "key.pub", "manifest.json", "manifest.sig"
FIRST_PARTS = (README, RUN, PLANS, STEPS, APPROVALS, ARTIFACTS, EVENTS, HEAD, KEY)
"""In this order; then the files, then MANIFEST and SIGNATURE."""
FILES = "files/"
LONGEST_FILE_NAME = 60

Hash = str


class PartFormError(ValueError):
    """A part does not hold what its name says; the message says where."""


class Shape(BaseModel):
    """Nothing unknown, nothing converted but what JSON has no type for."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RunFailure(Shape):
    code: str
    reason: str | None


class RunPart(Shape):
    """RunSummary."""

    run_id: UUID
    status: RunStatus
    target_service: str
    instruction: str
    priority: str
    dry_run: bool
    requested_by: str
    queued_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    approval_required: bool
    approval_status: str
    current_step: str | None
    failure: RunFailure | None
    rollback_verified: bool | None
    retried_from: UUID | None


class Change(Shape):
    """What a plan does to one file."""

    path: str
    before_sha256: Hash | None
    after_sha256: Hash | None


class PlanLine(Shape):
    """One version of the plan, the oldest first."""

    plan_id: UUID
    version: int
    digest: Hash
    generated_at: datetime
    generated_by: str
    service_context: dict[str, Any]
    steps: list[dict[str, Any]]
    edits: list[dict[str, Any]]
    changes: list[Change]


class StepLine(Shape):
    """One attempt of one step."""

    name: str
    status: str
    attempt: int
    started_at: datetime | None
    completed_at: datetime | None
    worker_task_id: str | None
    message: str | None
    artifact_refs: list[UUID]


class ApprovalLine(Shape):
    """One person's answer; one that was taken back has `revoked_at`."""

    approval_id: UUID
    approver: str
    role: str
    decision: str
    plan_digest: Hash
    comment: str | None
    granted_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class ArtifactLine(Shape):
    """A file as the run recorded it."""

    artifact_id: UUID
    type: str
    path: str
    checksum: Hash
    size_bytes: int
    created_at: datetime


class EventLine(Shape):
    """An event of the run's record."""

    sequence: int
    at: datetime
    actor: str
    kind: str
    payload: dict[str, Any]
    previous_hash: Hash
    hash: Hash


class HeadPart(Shape):
    """How far the record goes; `signature` in hex."""

    subject_kind: str
    subject_id: UUID
    sequence: int
    hash: Hash
    key_id: str
    signature: str


class PartEntry(Shape):
    """A part as it must be."""

    name: str
    sha256: Hash
    size: int


class FileEntry(Shape):
    """What became of one artifact: it is the part `name`, or why there is none (`missing`, `left_out`)."""

    artifact_id: UUID
    path: str
    state: Literal["included", "missing", "left_out"]
    name: str | None = None
    reason: str | None = None


class Manifest(Shape):
    """All of a bundle. `is_over`: the run had ended when it was exported."""

    format: str
    run_id: UUID
    status: str
    is_over: bool
    exported_at: datetime
    exported_by: str
    key_id: str
    parts: list[PartEntry]
    files: list[FileEntry]


AnyShape = TypeVar("AnyShape", bound=Shape)


def read_json(kind: type[AnyShape], data: bytes) -> AnyShape:
    """One JSON value. Raises PartFormError."""
    try:
        return kind.model_validate(strict_json(data))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise PartFormError(f"{place}: {first['msg']}") from None


def read_lines(kind: type[AnyShape], data: bytes) -> list[AnyShape]:
    """JSON Lines. Raises PartFormError."""
    if data and not data.endswith(b"\n"):
        raise PartFormError("the last line has no end")
    found = []
    for number, line in enumerate(data.split(b"\n")[:-1], start=1):
        try:
            found.append(read_json(kind, line))
        except PartFormError as error:
            raise PartFormError(f"line {number}: {error}") from None
    return found


def strict_json(data: bytes) -> Any:
    """JSON without doubled names or numbers that are none. Raises PartFormError."""
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise PartFormError(f"this is not JSON as we write it ({type(error).__name__})") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")
