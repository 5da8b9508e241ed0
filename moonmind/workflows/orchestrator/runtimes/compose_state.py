"""Containers as `docker inspect` shows them, and what they say about a service and its neighbours."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from moonmind.schemas.workflow_models import ServiceState

Status = Literal["running", "starting", "exited", "restarting", "absent"]
NEVER: Final = "0001-01-01T00:00:00Z"
"""Docker's time for what has not happened."""
_WORST_FIRST: Final[tuple[Status, ...]] = ("absent", "exited", "restarting", "starting", "running")


@dataclass(frozen=True, slots=True)
class Container:
    """One container; `error` is why the engine could not start it."""

    id: str
    service: str
    one_off: bool
    image: str
    restarts: int
    status: Status
    started_at: str | None
    exit_code: int
    error: str
    health: Literal["healthy", "unhealthy", "starting"] | None

    @property
    def instance(self) -> str:
        """Changes with every start; the id alone stays when the engine restarts a container."""
        return f"{self.id[:12]}@{self.started_at or 'never'}"


def parse_containers(answer: str) -> tuple[Container, ...]:
    """Read the lines of CONTAINER_TEMPLATE; one-offs of `compose run` are nobody's service."""
    found = (_container(json.loads(line)) for line in answer.splitlines() if line.startswith("{"))
    return tuple(container for container in found if not container.one_off)


def service_state(containers: Iterable[Container]) -> ServiceState:
    """The service as its weakest replica has it; absent without any."""
    ranked = sorted(containers, key=lambda c: (_WORST_FIRST.index(c.status), c.health == "healthy"))
    if not ranked:
        return ServiceState(status="absent")
    weakest = ranked[0]
    return ServiceState(
        status=weakest.status,
        instance=",".join(sorted(container.instance for container in ranked)),
        exit_code=None if weakest.status == "running" else weakest.exit_code,
        restart_count=sum(container.restarts for container in ranked),
        health=weakest.health,
    )


def disturbed(before: Iterable[Container], after: Iterable[Container], target: str) -> tuple[str, ...]:
    """Names of the other services that were started, removed or replaced between the two looks.

    A container that its own restart policy started again (same id, higher count) is not of our doing.
    """
    old = {container.id: container for container in before if container.service != target}
    new = {container.id: container for container in after if container.service != target}
    changed = {old[i].service for i in old.keys() & new.keys() if _was_started(old[i], new[i])}
    return tuple(sorted(changed | {(old | new)[i].service for i in old.keys() ^ new.keys()}))


def _was_started(old: Container, new: Container) -> bool:
    return old.started_at != new.started_at and new.restarts <= old.restarts


def _container(seen: Mapping[str, Any]) -> Container:
    state = seen["state"]
    return Container(
        id=seen["id"],
        service=seen["service"],
        one_off=seen["oneoff"] == "True",
        image=seen["image"],
        restarts=seen["restarts"],
        status=_status(state["Status"], state["Error"]),
        started_at=None if state["StartedAt"] == NEVER else state["StartedAt"],
        exit_code=state["ExitCode"],
        error=state["Error"],
        health=_health((state.get("Health") or {}).get("Status")),
    )


def _status(word: str, error: str) -> Status:
    """Docker's words in ours: a created container has yet to start, unless that failed; a paused one serves nobody."""
    match word:
        case "running" | "restarting":
            return "running" if word == "running" else "restarting"
        case "created":
            return "exited" if error else "starting"
        case _:
            return "exited"


def _health(word: str | None) -> Literal["healthy", "unhealthy", "starting"] | None:
    match word:
        case "healthy" | "unhealthy" | "starting":
            return word
        case _:
            return None
