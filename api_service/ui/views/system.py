"""Queues, workers and the parts that a run needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

from api_service.ui.views.times import span_of
from api_service.ui.views.words import RUN, Badge
from moonmind.workflows.orchestrator.read_models import SystemState

LATE_SECONDS = 15
"""A message that waits longer says that the broker or the dispatcher is away."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One part of the installation."""

    name: str
    badge: Badge
    words: str


@dataclass(frozen=True, slots=True)
class LeaseLine:
    """A run that a worker has."""

    owner: str
    run: str
    service: str
    step: str
    attempt: int
    queue: str
    badge: Badge
    words: str


def part_tiles(state: SystemState, *, broker: bool, found: str | None, expected: str | None) -> list[Tile]:
    """Database, schema, broker, outbox and version."""
    current = found == expected
    return [
        Tile("Database", _good("Answers"), "the rows decide"),
        Tile("Schema", _good("Current") if current else _bad("Behind"), found or "none"),
        Tile("Broker", _good("Answers") if broker else _bad("Away"), "wakes workers; runs start when it is back"),
        _outbox(state),
        Tile("Version", Badge(version("moonmind-orchestrator"), "dot", "quiet"), "of the API"),
    ]


def count_tiles(runs: Mapping[str, int]) -> list[tuple[str, Badge, int]]:
    """How many runs there are in each state."""
    return [(status, badge, runs.get(status, 0)) for status, badge in RUN.items()]


def lease_lines(state: SystemState) -> list[LeaseLine]:
    """Who has which run, and for how long."""
    lines = []
    for lease in state.leases:
        left = (lease["lease_expires_at"] - state.now).total_seconds()
        lines.append(
            LeaseLine(
                owner=lease["lease_owner"],
                run=str(lease["id"]),
                service=lease["target_service"],
                step=lease["next_step"] or "",
                attempt=lease["attempt"],
                queue=lease["queue"],
                badge=_good("Held") if left > 0 else Badge("Lapsed", "alert", "warn"),
                words=f"{span_of(left)} left" if left > 0 else f"silent for {span_of(-left)}; taken over soon",
            )
        )
    return lines


def _outbox(state: SystemState) -> Tile:
    messages, failed, oldest = (state.outbox[name] for name in ("messages", "failed", "oldest"))
    if not messages:
        return Tile("Outbox", _good("Empty"), "every message is sent")
    waits = (state.now - oldest).total_seconds()
    label = f"{messages} message{'s' if messages != 1 else ''}"
    words = f"oldest waits {span_of(waits)}" + (f"; {failed} failed before" if failed else "")
    late = waits > LATE_SECONDS
    return Tile("Outbox", Badge(label, "alert" if late else "clock", "warn" if late else "quiet"), words)


def _good(label: str) -> Badge:
    return Badge(label, "check", "good")


def _bad(label: str) -> Badge:
    return Badge(label, "alert", "bad")
