"""A service that lives in a few fields: healthy when its files satisfy `works`, as of the last build and restart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from moonmind.schemas.service_profile import HealthCheck
from moonmind.schemas.workflow_models import ServiceFacts, ServiceState
from moonmind.workflows.orchestrator.ports import (
    EngineUnavailableError,
    Execute,
    RestorePoint,
    StepFailedError,
)

MISSING = """Traceback (most recent call last):
  File "/srv/app.py", line 3, in <module>
    import dateutil
ModuleNotFoundError: No module named 'dateutil'
"""


@dataclass
class FakeRuntime:
    """Builds read `manifest` of the workspace; a restart takes the last build. `calls` records what was asked."""

    manifest: Path
    works: Callable[[str], bool] = lambda text: "dateutil" in text
    image: str = ""
    running: str = ""
    starts: int = 0
    away: bool = False
    fails: dict[str, StepFailedError] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    marks: dict[str, str] = field(default_factory=dict)
    log: str = MISSING
    says: Callable[[str], str] = lambda text: ""
    """What the service logs, by what it was built from; empty: `log`."""

    def __post_init__(self) -> None:
        self.image = self.running = self.manifest.read_text()

    @property
    def healthy(self) -> bool:
        return self.works(self.running)

    def check(self, execute: Execute) -> None:
        self._call("check")

    def observe(self, execute: Execute) -> ServiceState:
        self._call("observe")
        return ServiceState(status="running" if self.healthy else "exited", instance=str(self.starts))

    def recent_logs(self, execute: Execute) -> str:
        self._call("recent_logs")
        return "" if self.healthy else self.says(self.running) or self.log

    def facts(self, execute: Execute) -> ServiceFacts:
        self._call("facts")
        return ServiceFacts()

    def restore_point(self, execute: Execute, run_id: UUID) -> RestorePoint:
        self._call("restore_point")
        self.marks.setdefault(str(run_id), self.image)
        return {"mark": str(run_id)}

    def build(self, execute: Execute) -> None:
        self._call("build")
        self.image = self.manifest.read_text()

    def restart(self, execute: Execute) -> None:
        self._call("restart")
        self.running = self.image
        self.starts += 1

    def restore(self, execute: Execute, point: RestorePoint) -> bool:
        self._call("restore")
        self.image = self.marks[point["mark"] or ""]
        return self.image != ""

    def discard(self, execute: Execute, point: RestorePoint) -> None:
        self._call("discard")
        self.marks.pop(point["mark"] or "", None)

    def probe_values(self) -> Mapping[str, str]:
        return {"port": "1"}

    def _call(self, name: str) -> None:
        if self.away:
            raise EngineUnavailableError("the engine is away")
        self.calls.append(name)
        if name in self.fails:
            raise self.fails[name]


def always_healthy(check: HealthCheck, values: Mapping[str, str], state: ServiceState) -> str | None:
    """A probe that finds nothing: whether the service runs is what counts."""
    return None
