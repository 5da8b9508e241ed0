"""One side of the comparison: a tree's API and worker as processes, its services, and the jobs that are timed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from bench.processes import BenchError, call, running, until
from bench.servers import answers
from bench.services import MAIN, PEERS, Services
from bench.trees import Tree
from moonmind.embedded.files import tail
from moonmind.embedded.sockets import LOOPBACK, free_port

FIX = "fix the missing dependency"
LIGHT = "restart it"
"""As a dry run: looks at the service, makes the plan, does nothing."""
RUN_SECONDS = 120.0
RUNS = "/orchestrator/runs"

Run = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Repair:
    """Seconds of the main job: all of it, and what of it was in no step."""

    total: float
    between: float


@dataclass(frozen=True, slots=True)
class Side:
    """A running one. All seconds are from the POST to the `completed_at` that the API tells: one clock, no polling."""

    name: str
    services: Services
    client: httpx.Client
    log: Path

    def repair(self, turn: int) -> Repair:
        """Break the service, then have it repaired. Raises BenchError when it is not."""
        self.services.break_main(turn)
        posted = time.time()
        run = self._to_success(self._post(FIX, MAIN))
        if not answers(self.services.url(MAIN)):
            raise BenchError(f"{self.name}: the run succeeded, and the service does not answer")
        total = _moment(run["completed_at"]) - posted
        steps = sum(_moment(step["completed_at"]) - _moment(step["started_at"]) for step in run["steps"])
        return Repair(total, total - steps)

    def light(self) -> float:
        """Seconds of one dry run alone."""
        return self.burst(1)

    def burst(self, count: int) -> float:
        """Seconds until all of so many dry runs over several services are done, all asked for at once."""
        posted = time.time()
        runs = [self._post(LIGHT, PEERS[number % len(PEERS)], dry_run=True) for number in range(count)]
        return max(_moment(self._to_success(run)["completed_at"]) for run in runs) - posted

    def prepare(self) -> None:
        """The first build and start of the service, and every code path once."""
        self._to_success(self._post("rebuild it", MAIN))
        self.repair(1)
        self.burst(len(PEERS))

    def _post(self, instruction: str, service: str, **rest: Any) -> str:
        answer = self.client.post(RUNS, json={"instruction": instruction, "target_service": service, **rest})
        if answer.status_code != 202:
            raise BenchError(f"{self.name}: POST {RUNS} gave {answer.status_code}: {answer.text[:500]}")
        return str(answer.json()["run_id"])

    def _to_success(self, run: str) -> Run:
        """The run as it ended."""
        until(lambda: self._show(run)["completed_at"] is not None, seconds=RUN_SECONDS, what=f"{self.name}: {run} ends")
        shown = self._show(run)
        if shown["status"] != "succeeded":
            raise BenchError(f"{self.name}: {shown['status']}, {shown['failure']}\n{tail(self.log)}")
        return shown

    def _show(self, run: str) -> Run:
        answer = self.client.get(f"{RUNS}/{run}")
        if answer.status_code != 200:
            raise BenchError(f"{self.name}: GET {RUNS}/{run} gave {answer.status_code}: {answer.text[:500]}")
        shown: Run = answer.json()
        return shown


@contextmanager
def started(tree: Tree, home: Path, *, database: str, broker: str, index: str) -> Iterator[Side]:
    """Schema, supervisor, API and worker of a tree, over the URLs of its own database and broker."""
    services, port, log = Services(home), free_port(), home / "processes.log"
    services.write()
    env = {
        **tree.environment,
        "MOONMIND_HOME": str(home),
        "MOONMIND_DATABASE__URL": database,
        "MOONMIND_BROKER__URL": broker,
        **_only(index),
    }
    call((tree.python, "-m", "alembic", "upgrade", "head"), cwd=tree.folder, env=env, what=f"{tree.side}: migrations")
    api = ("uvicorn", "--factory", "api_service.main:create_app", "--port", str(port), "--log-level", "warning")
    worker = ("celery", "-A", "moonmind.workflows.orchestrator.tasks", "worker", "--pool", "threads")
    with ExitStack() as stack:
        stack.enter_context(services.supervised())
        lives = [
            stack.enter_context(running((tree.python, "-m", *argv), cwd=tree.folder, env=env, log=log))
            for argv in (api, worker)
        ]
        url = f"http://{LOOPBACK}:{port}"
        until(
            lambda: all(one() for one in lives) and answers(f"{url}/readyz"), seconds=60, what=f"{tree.side} is ready"
        )
        key = (home / "var" / "admin.key").read_text().strip()
        headers = {"Authorization": f"Bearer {key}"}
        client = httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False)
        yield Side(tree.side, services, stack.enter_context(client), log)


def _only(index: str) -> dict[str, str]:
    """Let pip know one index and nothing of the machine's configuration, and keep nothing of it."""
    return {
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_INDEX_URL": index,
        "PIP_RETRIES": "0",
        "PIP_NO_CACHE_DIR": "1",
        "NO_PROXY": LOOPBACK,
        "no_proxy": LOOPBACK,
    }


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
