"""Planners turn findings into edits. They only propose: allow-list, approval, build and verify are the same for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from moonmind.schemas.workflow_models import Edit, Finding, GeneratedBy, LogSource, ServiceFacts
from moonmind.workflows.orchestrator.planning_ports import LockTools, NpmRegistry, Resolver
from moonmind.workflows.orchestrator.ports import PackageIndex


class NoSafeEditError(Exception):
    """Why nothing is proposed for a finding, and what a person would do: one or two sentences for people."""


class RebuildFirstError(NoSafeEditError):
    """The files are right and what runs was built from others: building anew is the repair."""


@dataclass(frozen=True, slots=True)
class Project:
    """What a planner knows of a service's files. `manifests`: manifests, their lock files and Dockerfiles, by path;
    `files`: every path of the workspace; `read` gives a file's bytes, None when there is none or it may not be read.

    `install` is what pip is given (a requirements file, or a folder), None when unknown.
    """

    manifests: Mapping[str, bytes]
    files: tuple[str, ...]
    install: str | None = None
    read: Callable[[str], bytes | None] = lambda path: None

    @property
    def python_files(self) -> tuple[str, ...]:
        """Paths of Python sources."""
        return tuple(path for path in self.files if path.endswith(".py"))


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What planners may ask of the world; each answer is data, never instruction."""

    index: PackageIndex
    resolver: Resolver
    npm: NpmRegistry
    locks: LockTools


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was done before about the same failure of any service: how often that repaired it, of how many times.

    `edits` name no file, and a text_replace no text: services differ. `last_run`: the newest of those times.
    """

    edits: tuple[Edit, ...]
    repaired: int
    tried: int
    last_run: UUID | None = None


@dataclass(frozen=True, slots=True)
class Planning:
    """One round of planning. `facts.python` is the version that the service runs on; None for ours. `now`: with a time
    zone; None: nobody says how old anything is."""

    project: Project
    knowledge: Knowledge
    facts: ServiceFacts = field(default_factory=ServiceFacts)
    instruction: str = ""
    sources: Sequence[LogSource] = ()
    remembered: Sequence[Remembered] = field(default=())
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """Edits with the rationale that a person can check; no edits: the rationale says why not. `rebuild`: there is
    nothing to edit, and what is there has to be built."""

    edits: tuple[Edit, ...]
    rationale: str
    rebuild: bool = False


class Planner(Protocol):
    """Proposes edits for findings. Raises IndexUnavailableError and its like, never because of what a log says."""

    @property
    def generated_by(self) -> GeneratedBy:
        """How its plans are marked."""
        ...

    def propose(self, findings: Sequence[Finding], planning: Planning) -> Proposal: ...


Remedy = Callable[[Finding, Planning], Sequence[Edit]]
"""The edits that repair a finding of one kind. Raises NoSafeEditError."""
