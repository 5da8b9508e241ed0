"""What states are called on the pages, with an icon and a tone: no state is told by its colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Tone = Literal["good", "bad", "warn", "active", "quiet"]


@dataclass(frozen=True, slots=True)
class Badge:
    """A state for people."""

    label: str
    icon: str
    tone: Tone


RUN: Mapping[str, Badge] = {
    "pending": Badge("Queued", "clock", "quiet"),
    "running": Badge("Running", "play", "active"),
    "awaiting_approval": Badge("Waiting for approval", "hand", "warn"),
    "succeeded": Badge("Succeeded", "check", "good"),
    "failed": Badge("Failed", "cross", "bad"),
    "rolled_back": Badge("Rolled back", "undo", "warn"),
    "cancelled": Badge("Cancelled", "stop", "quiet"),
}
NOT_VERIFIED = Badge("Rolled back, not verified", "alert", "bad")

STEP: Mapping[str, Badge] = {
    "pending": Badge("Not begun", "dot", "quiet"),
    "in_progress": Badge("Running", "play", "active"),
    "succeeded": Badge("Succeeded", "check", "good"),
    "failed": Badge("Failed", "cross", "bad"),
    "skipped": Badge("Skipped", "skip", "quiet"),
}

ANSWER: Mapping[str, Badge] = {
    "approve": Badge("Approved", "check", "good"),
    "reject": Badge("Rejected", "cross", "bad"),
    "revoked": Badge("Taken back", "undo", "quiet"),
}

REQUIREMENT: Mapping[str, Badge] = {
    "none": Badge("Open", "open", "quiet"),
    "pre-run": Badge("Before any change", "shield", "warn"),
    "pre-verify": Badge("Before a change stays", "shield", "warn"),
}

STEP_GOAL: Mapping[str, str] = {
    "analyze": "Look for the cause, and make the exact change",
    "patch": "Write the change, after keeping each file as it was",
    "build": "Build this one service",
    "restart": "Restart this one service",
    "verify": "Check that it is healthy, several times in a row",
    "rollback": "Put files and build back as they were",
}

ARTIFACT: Mapping[str, str] = {
    "patch_diff": "Change as written",
    "patch_preview": "Change as previewed",
    "plan_snapshot": "Plan",
    "metrics": "Metrics",
    "pre_image": "File as it was before",
    "analyze_log": "Log of analyze",
    "build_log": "Log of build",
    "restart_log": "Log of restart",
    "verify_log": "Log of verify",
    "rollback_log": "Log of rollback",
}


def badge_of_run(status: str, *, rollback_verified: bool | None) -> Badge:
    """A run's state; an undoing that left something behind is an alarm."""
    return NOT_VERIFIED if rollback_verified is False else RUN[status]


def badge_of_step(step: Mapping[str, object], *, rollback_verified: bool | None) -> Badge:
    """A step's state; an undoing that was done, but not all of it, has failed for people."""
    partial = step["name"] == "rollback" and step["status"] == "succeeded" and rollback_verified is False
    return STEP["failed"] if partial else STEP[str(step["status"])]


def human_size(size: int) -> str:
    """`812 B`, `14.2 kB`, `3.1 MB`."""
    if size < 1000:
        return f"{size} B"
    value, unit = float(size), "B"
    for following in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, following
    return f"{value:.1f} {unit}"
