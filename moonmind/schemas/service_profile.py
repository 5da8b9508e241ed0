"""A service profile: what a run may know and touch of one service. One table a service in `config.toml`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from moonmind.schemas.approvals import ApprovalGate

SERVICE_NAME = re.compile(r"^[a-z0-9][a-z0-9_-]{0,62}$")
"""The form of a service's name; names go into paths, image tags and supervisor programs."""

ServiceName = Annotated[str, StringConstraints(pattern=SERVICE_NAME.pattern)]
ComposeName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$")]


def _stays_below(path: str) -> str:
    if path.startswith("/") or "\\" in path or "\0" in path or ".." in path.split("/"):
        raise ValueError("must be relative to the workspace, with `/`, without `..`")
    return path


RelativePath = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_stays_below)]


class Table(BaseModel):
    """Base of everything read from `config.toml`: unknown keys are refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class HttpCheck(Table):
    """Healthy when a GET answers `status`; `{port}` stands for the port the service was given."""

    http: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")]
    status: int = Field(200, ge=100, le=599)


class EngineCheck(Table):
    """Healthy when the container engine says so (the image's or Compose file's own health check)."""

    engine: Literal[True]


HealthCheck = HttpCheck | EngineCheck


PlannerName = Literal["rules", "llm", "agent"]
"""Who proposes edits, asked in the order of the profile until one has some; the last two are set up in `[planners]`."""


def _named_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("names a planner twice")
    return names


DeliveryMode = Literal["leave", "commit", "branch"]
"""What becomes of a verified change: it stays in the workspace, is committed, or lies on a branch of its own."""

ComposePermit = Literal[
    "build_secrets",
    "capabilities",
    "devices",
    "dockerfile",
    "hooks",
    "host_namespaces",
    "host_paths",
    "outside_build",
    "privileged",
    "provider",
    "security_options",
]
"""What a Compose file or Dockerfile may ask of the host only where the profile permits it by name."""


class ComposeRuntime(Table):
    """A service of a Docker Compose project on the engine that the worker reaches."""

    project: ComposeName
    service: ComposeName
    files: tuple[RelativePath, ...] = Field(("compose.yaml",), min_length=1)
    permits: tuple[ComposePermit, ...] = ()
    health: tuple[HealthCheck, ...] = Field(min_length=1)


class ProcessRuntime(Table):
    """A supervised local process in its own virtual environment.

    `command` runs in the workspace with the environment's `bin` first on PATH and `PORT` set; port 0 means that
    `moonmind up` chooses a free one. `install` is what pip is given: requirement files, or `.` for a project.
    """

    command: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = Field(min_length=1)
    install: RelativePath = "requirements.txt"
    python: str | None = None
    port: int = Field(0, ge=0, le=65535)
    env: dict[str, str] = Field(default_factory=dict)
    health: tuple[HttpCheck, ...] = Field(min_length=1)


class Timeouts(Table):
    """Seconds that each step may take."""

    analyze: int = Field(120, ge=1, le=3600)
    patch: int = Field(60, ge=1, le=3600)
    build: int = Field(1800, ge=1, le=14400)
    restart: int = Field(120, ge=1, le=3600)
    verify: int = Field(120, ge=1, le=3600)
    rollback: int = Field(600, ge=1, le=14400)

    def of(self, step: str) -> int:
        """Seconds for this step."""
        seconds = getattr(self, step)
        assert isinstance(seconds, int)
        return seconds


class ServiceProfile(Table):
    """One service. `allow` holds globs relative to `workspace`; nothing else is ever written. `rounds`: plans that one
    run may make; after a build or a check that fails for a new reason it plans again."""

    runtime: Literal["compose", "process"]
    workspace: Path
    allow: tuple[RelativePath, ...] = Field(min_length=1)
    compose: ComposeRuntime | None = None
    process: ProcessRuntime | None = None
    timeouts: Timeouts = Timeouts()
    verify_successes: int = Field(3, ge=1, le=100)
    lock_group: ServiceName | None = None
    host: ServiceName | None = None
    approval: ApprovalGate = ApprovalGate()
    planners: Annotated[tuple[PlannerName, ...], Field(min_length=1), AfterValidator(_named_once)] = ("rules",)
    rounds: int = Field(5, ge=1, le=20)
    delivery: DeliveryMode = "leave"

    @model_validator(mode="after")
    def _has_its_runtime(self) -> Self:
        if getattr(self, self.runtime) is None:
            raise ValueError(f'runtime is "{self.runtime}", so a table `{self.runtime}` is needed')
        return self

    @property
    def health(self) -> tuple[HealthCheck, ...]:
        """The checks of the runtime in use."""
        chosen = self.compose if self.runtime == "compose" else self.process
        assert chosen is not None  # held by the validator
        return chosen.health
