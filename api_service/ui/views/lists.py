"""Lists of runs and services, and the filters above them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from api_service.ui.views.text import one_line
from api_service.ui.views.times import lasted
from api_service.ui.views.words import REQUIREMENT, RUN, Badge, badge_of_run

SINCE: Mapping[str, tuple[str, timedelta | None]] = {
    "": ("Any time", None),
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
}
"""How far back a list goes."""


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run in a list."""

    id: str
    badge: Badge
    service: str
    instruction: str
    requested_by: str
    queued_at: datetime
    took: str
    note: str
    dry_run: bool
    is_urgent: bool


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """A service with its gate, its lock, and what is known of its health."""

    name: str
    runtime: str
    allow: tuple[str, ...]
    gate: Badge
    lock_group: str
    active_run: str | None
    health: Badge
    checked_at: datetime | None
    last_run: str | None
    last_badge: Badge | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list was asked for, as the form shows it."""

    status: tuple[str, ...] = ()
    service: str = ""
    since: str = ""
    text: str = ""

    @property
    def is_set(self) -> bool:
        """Whether anything is left out."""
        return bool(self.status or self.service or self.since or self.text)

    def query(self, **more: str) -> str:
        """The list's address with this filter."""
        fields = [("status", one) for one in self.status]
        fields += [("service", self.service), ("since", self.since), ("q", self.text), *more.items()]
        return urlencode([(name, value) for name, value in fields if value])


def run_lines(runs: Iterable[Mapping[str, Any]], now: datetime) -> list[RunLine]:
    """RunSummaries as lines."""
    return [
        RunLine(
            id=str(run["run_id"]),
            badge=badge_of_run(run["status"], rollback_verified=run["rollback_verified"]),
            service=run["target_service"],
            instruction=one_line(run["instruction"]),
            requested_by=run["requested_by"],
            queued_at=run["queued_at"],
            took=lasted(run["started_at"], run["completed_at"] or now),
            note=_note(run),
            dry_run=run["dry_run"],
            is_urgent=run["priority"] == "high",
        )
        for run in runs
    ]


Summaries = Mapping[str, Mapping[str, Any]]
"""A RunSummary of each service."""


def service_lines(services: Sequence[Mapping[str, Any]], last: Summaries, outcomes: Summaries) -> list[ServiceLine]:
    """ServiceViews as lines. `last`: each service's last run; `outcomes`: the last that says how the service is."""
    return [
        ServiceLine(
            name=service["name"],
            runtime={"process": "Process", "compose": "Docker Compose"}[service["runtime"]],
            allow=tuple(service["allow"]),
            gate=REQUIREMENT[service["approval"]],
            lock_group=service["lock_group"],
            active_run=str(service["active_run"]) if service["active_run"] else None,
            health=_health(service["active_run"] is not None, outcomes.get(service["name"])),
            checked_at=outcomes[service["name"]]["completed_at"] if service["name"] in outcomes else None,
            last_run=str(service["last_run"]["run_id"]) if service["last_run"] else None,
            last_badge=_last_badge(last.get(service["name"])),
            last_at=service["last_run"]["queued_at"] if service["last_run"] else None,
        )
        for service in services
    ]


def status_choices(chosen: Sequence[str]) -> list[tuple[str, Badge, bool]]:
    """Every status, and whether it is asked for."""
    return [(status, badge, status in chosen) for status, badge in RUN.items()]


def _note(run: Mapping[str, Any]) -> str:
    if run["failure"]:
        return one_line(run["failure"]["reason"], 120)
    if run["status"] in ("running", "awaiting_approval"):
        return f"{'before' if run['status'] == 'awaiting_approval' else 'at'} {run['current_step']}"
    return ""


def _last_badge(last: Mapping[str, Any] | None) -> Badge | None:
    return badge_of_run(last["status"], rollback_verified=last["rollback_verified"]) if last else None


def _health(is_active: bool, outcome: Mapping[str, Any] | None) -> Badge:
    """What the last run left behind; the service itself is asked by runs only."""
    if is_active:
        return Badge("Under repair", "play", "active")
    if outcome is None:
        return Badge("Not looked at yet", "dot", "quiet")
    if outcome["rollback_verified"] is False:
        return Badge("Needs people", "alert", "bad")
    if outcome["status"] == "succeeded":
        return Badge("Healthy at last check", "check", "good")
    if outcome["status"] == "rolled_back":
        return Badge("As before the run", "undo", "warn")
    return Badge("Not repaired", "cross", "bad")
