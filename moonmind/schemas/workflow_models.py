"""The frozen shapes that cross rooms. Nothing here does anything; every field's words are the API's words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Priority = Literal["normal", "high"]
PRIORITY_LEVELS: Mapping[Priority, int] = {"normal": 0, "high": 10}
"""How priorities are stored; the higher goes first."""
PRIORITY_NAMES: Mapping[int, Priority] = {level: name for name, level in PRIORITY_LEVELS.items()}
RunKind = Literal["fix", "rebuild", "deploy"]
GeneratedBy = Literal["operator", "system", "llm"]
ApprovalStatus = Literal["not_required", "awaiting", "granted", "rejected", "expired"]


class RunStatus(StrEnum):
    """Where a run stands; the last four are terminal."""

    PENDING = "pending"
    RUNNING = "running"
    AWAITING_APPROVAL = "awaiting_approval"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """True when the run will never change again."""
        return self in _TERMINAL


_TERMINAL = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.ROLLED_BACK, RunStatus.CANCELLED})


class StepName(StrEnum):
    """The steps of a fix run, in canonical order; rollback only when something must be undone."""

    ANALYZE = "analyze"
    PATCH = "patch"
    BUILD = "build"
    RESTART = "restart"
    VERIFY = "verify"
    ROLLBACK = "rollback"


FORWARD_STEPS = (StepName.ANALYZE, StepName.PATCH, StepName.BUILD, StepName.RESTART, StepName.VERIFY)


class StepStatus(StrEnum):
    """A step as people see it."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class TaskState(StrEnum):
    """A step as Celery would name it: `spec_workflow_task_states.state`."""

    PENDING = "PENDING"
    STARTED = "STARTED"
    RETRY = "RETRY"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"


class ArtifactType(StrEnum):
    """What a file of a run is."""

    PATCH_DIFF = "patch_diff"
    BUILD_LOG = "build_log"
    VERIFY_LOG = "verify_log"
    ROLLBACK_LOG = "rollback_log"
    METRICS = "metrics"
    PLAN_SNAPSHOT = "plan_snapshot"
    ANALYZE_LOG = "analyze_log"
    RESTART_LOG = "restart_log"
    PATCH_PREVIEW = "patch_preview"
    PRE_IMAGE = "pre_image"


class Frozen(BaseModel):
    """Base of the shapes: immutable, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# --- analysis ---------------------------------------------------------------------------------------------


class EvidenceLine(Frozen):
    """One line that a finding rests on; `line` counts from 1 within `source`."""

    source: str
    line: int
    text: str


class Finding(Frozen):
    """What a detector saw: `kind` is stable and in snake_case, `subject` the module, file or package it is about.

    `details`: what else the log says, for whoever plans (`{"version": "2.0.1"}`); each kind's detector says which. The
    last line of `evidence` is the one that tells of the failure: it is its place in the log.
    """

    kind: str
    summary: str
    subject: str | None = None
    details: Mapping[str, str] = Field(default_factory=dict)
    evidence: tuple[EvidenceLine, ...] = ()


EditKind = Literal[
    "requirement_add",
    "requirement_pin",
    "requirement_remove",
    "os_package_add",
    "base_image_set",
    "npm_add",
    "npm_pin",
    "text_replace",
]


class Edit(Frozen):
    """One typed change to one file; `file` is relative to the workspace, with `/`.

    `old` and `new` are a text_replace's: whole lines that stand in the file once, and what comes in their place; an
    empty `old` makes a file that is not there. `proof`: what shows that `name` is right, for an edit that adds it.
    `stage` and `before` are a Dockerfile edit's: the stage by name or number (None: the last), and the instruction, its
    words one blank apart, before which a package is needed (None: whenever the image runs).
    """

    kind: EditKind
    file: str
    name: str | None = None
    version: str | None = None
    old: str | None = None
    new: str | None = None
    stage: str | None = None
    before: str | None = None
    reason: str
    proof: str | None = None


class FileChange(Frozen):
    """What the edits do to one file: hashes of the bytes before and after (None: no file)."""

    path: str
    before_sha256: str | None
    after_sha256: str | None


class Analysis(Frozen):
    """The outcome of analyze. `edit` carries edits and their exact unified diff; the others change nothing.

    `rebuild`: the files are right, and what runs was built from others.
    """

    decision: Literal["edit", "explain", "none"]
    findings: tuple[Finding, ...] = ()
    edits: tuple[Edit, ...] = ()
    changes: tuple[FileChange, ...] = ()
    diff: str | None = None
    rationale: str | None = None
    generated_by: GeneratedBy = "system"
    rebuild: bool = False


class LogSource(Frozen):
    """A named text that detectors read (a container's log, a build log)."""

    name: str
    text: str


# --- plans and runs ---------------------------------------------------------------------------------------


class PlanStep(Frozen):
    """One step of a plan with its parameters, as stored and as shown."""

    name: StepName
    parameters: Mapping[str, JsonValue] = Field(default_factory=dict)


class ActionPlan(Frozen):
    """What a run will do. The digest covers service, edits and pre-image hashes, never ids or times."""

    version: int
    steps: tuple[PlanStep, ...]
    edits: tuple[Edit, ...] = ()
    changes: tuple[FileChange, ...] = ()
    service_context: Mapping[str, JsonValue] = Field(default_factory=dict)
    digest: str
    generated_by: GeneratedBy = "system"


class ServiceState(Frozen):
    """A service as its runtime sees it. `instance` changes with every start (container id, pid)."""

    status: Literal["running", "starting", "exited", "restarting", "absent"]
    instance: str | None = None
    exit_code: int | None = None
    restart_count: int = 0
    health: Literal["healthy", "unhealthy", "starting"] | None = None


class ServiceFacts(Frozen):
    """What a service runs on, as far as its runtime can tell without starting anything of the service.

    `python`: "3.11"; `system`: "debian bookworm" (`ID` and `VERSION_CODENAME` of os-release); `node`: "20";
    `installed`: Python distributions by normalised name, with their versions; `images`: what the engine has of the
    images that the service is built from, as `name:tag`. None and empty: not known.
    """

    python: str | None = None
    system: str | None = None
    node: str | None = None
    installed: Mapping[str, str] = Field(default_factory=dict)
    images: tuple[str, ...] = ()


class Failure(Frozen):
    """Why a run ended otherwise: a stable code and a sentence for people."""

    code: str
    reason: str


class ArtifactInfo(Frozen):
    """A finished file of a run; `path` is relative to the run's root."""

    type: ArtifactType
    path: str
    sha256: str
    size_bytes: int
    step: StepName | None = None


class RunSnapshot(Frozen):
    """A run as the use cases see it (a copy: nothing changes by changing it)."""

    id: UUID
    kind: RunKind
    instruction: str
    target_service: str
    status: RunStatus
    priority: Priority
    requester: str
    dry_run: bool
    epoch: int
    next_step: StepName | None
    start_step: StepName
    retried_from: UUID | None = None
    progress: Mapping[str, Any]
    queued_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
