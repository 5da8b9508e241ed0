"""Planners turn findings into edits. They only propose: allow-list, approval, build and verify are the same for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from moonmind.schemas.workflow_models import Edit


class NoSafeEditError(Exception):
    """Why nothing is proposed for a finding, and what a person would do: one or two sentences for people."""


@dataclass(frozen=True, slots=True)
class Project:
    """What a planner knows of a service. `install` is what pip is given (a requirements file, or a folder), None when
    unknown; `python` is the version that the service runs on ("3.11"), None for ours."""

    manifests: Mapping[str, bytes]
    python_files: tuple[str, ...]
    install: str | None = None
    python: str | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """Edits with the rationale that a person can check; no edits: the rationale says why not."""

    edits: tuple[Edit, ...]
    rationale: str
