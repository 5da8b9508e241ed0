"""One fault: what was broken and where it is proven, what was asked of the system, and what the checker says of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.broker import USER, VHOST
from tests.faults.containers import Box
from tests.faults.rig import LIGHT, QUEUE, Rig
from tests.servers import PASSWORD, ROOT

FIX = "fix the missing dependency"


@dataclass
class Case:
    """One injection of one kind of fault. `number` counts the injections of that kind, from 0."""

    rig: Rig
    number: int
    runs: dict[str, list[str]] = field(default_factory=dict)
    services: set[str] = field(default_factory=set)
    hits: list[str] = field(default_factory=list)
    exactly: dict[str, int] = field(default_factory=dict)
    boxes: list[Box] = field(default_factory=list)
    said: dict[str, Any] | None = None
    artifacts: str = ""
    disk_was_full: bool = False

    def submit(self, service: str, *ends: str, instruction: str = FIX, **headers: str) -> str:
        """An accepted run, which must end in one of these ways (`status` or `status/code`; succeeded unless given)."""
        return self.expect(self.rig.submit(service, instruction, **headers), service, *ends)

    def expect(self, run: str, service: str, *ends: str) -> str:
        self.runs[run] = list(ends or ("succeeded",))
        self.services.add(service)
        return run

    def use(self, box: Box) -> Box:
        """A service in a container, whose container and image are looked at afterwards."""
        self.boxes.append(box)
        return box

    def hit(self, proof: str) -> None:
        """The fault has happened; what shows it."""
        self.hits.append(proof)

    def wait_ended(self, seconds: float = 60) -> None:
        self.rig.wait_ended(*self.runs, seconds=seconds)

    def check(self) -> dict[str, Any]:
        """What the checker, a process of its own, says; once, and in good time."""
        self.said = self.said or self._ask_checker()
        return self.said

    def _ask_checker(self) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults.checker"], cwd=ROOT, input=json.dumps(self._spec()),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if not done.stdout:
            raise RuntimeError(f"the checker says nothing: {done.stderr}")
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def _spec(self) -> dict[str, object]:
        rig = self.rig
        broker = {"address": f"127.0.0.1:{rig.broker.port}", "user": USER, "password": PASSWORD, "vhost": VHOST}
        alive = [process.pid for process in (rig.api, *rig.workers) if process.alive]
        known = [name for name in sorted(self.services) if name in rig.services]
        return {
            "database": rig.postgres.url.replace("+psycopg", ""),
            "broker": broker,
            "queues": [QUEUE, LIGHT],
            "home": str(rig.home),
            "locks": str(rig.home / "var" / "locks"),
            "artifacts": self.artifacts or str(rig.home / "var" / "artifacts" / "spec_workflows"),
            "log_limit": 1048576,
            "disk_was_full": self.disk_was_full,
            "accepted": rig.accepted,
            "runs": self.runs,
            "services": [*(rig.services[name].described() for name in known), *(box.described() for box in self.boxes)],
            "builds": rig.index.installations,
            "starts": {name: rig.restarts(name) - rig.starts[name] for name in known},
            "exactly": self.exactly,
            "known": [*alive, rig.nursery.pid],
            "nursery": rig.nursery.pid,
            "supervisor": rig.supervisord.pid,
            "projects": {box.project: 1 for box in self.boxes},
        }


Inject = Callable[[Case], None]


@dataclass(frozen=True)
class Kind:
    """A row of the table of faults. `rounds`: how often in the full form, where that is not what is asked for."""

    name: str
    inject: Inject
    rounds: int | None = None
