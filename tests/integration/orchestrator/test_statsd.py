"""What a real StatsD daemon has heard of a run, asked at its own management port."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from moonmind.workflows.orchestrator.gauges import QueueGauges
from moonmind.workflows.orchestrator.metrics import Metrics, make_metrics
from tests.servers import STATSD, end, free_port, until
from tests.support.house import STEPS, House

pytestmark = pytest.mark.statsd

PREFIX = "moonmind.orchestrator."


@dataclass(frozen=True)
class Daemon:
    """A daemon of the test's own, which keeps everything: it never flushes."""

    port: int
    management: int

    def ask(self, question: str) -> str:
        """The answer to `counters`, `gauges` or `timers`, as the daemon prints it."""
        with socket.create_connection(("127.0.0.1", self.management), timeout=10) as connection:
            connection.sendall(f"{question}\n".encode())
            answer = b""
            while not answer.endswith(b"END\n\n"):
                answer += connection.recv(65536)
        return answer.decode()

    def numbers(self, question: str) -> dict[str, float]:
        """Counters or gauges of ours by name, without the prefix."""
        found = re.findall(r"'([^']+)': (-?[\d.e+-]+)", self.ask(question))
        return {name.removeprefix(PREFIX): float(value) for name, value in found if name.startswith(PREFIX)}

    def timers(self) -> dict[str, list[float]]:
        """Milliseconds by name, without the prefix."""
        found = re.findall(r"'([^']+)': \[([^\]]*)\]", self.ask("timers"))
        return {name.removeprefix(PREFIX): [float(ms) for ms in values.split(",")] for name, values in found}


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    found = Daemon(free_port(), free_port())
    config = {"address": "127.0.0.1", "port": found.port, "mgmt_address": "127.0.0.1", "mgmt_port": found.management}
    file = tmp_path / "statsd.json"
    file.write_text("(" + json.dumps({**config, "backends": [], "flushInterval": 3_600_000}) + ")")
    with (tmp_path / "statsd.log").open("wb") as log:
        process = subprocess.Popen(["node", STATSD, file], stdout=log, stderr=log, start_new_session=True)
    try:
        until(lambda: _listens(found.management), seconds=30, what="the daemon listens")
        yield found
    finally:
        end(process)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def metrics(daemon: Daemon) -> Iterator[Metrics]:
    made = make_metrics("127.0.0.1", daemon.port)
    yield made
    made.close()


def test_a_repair_and_an_undoing_arrive_as_counters_timers_and_gauges(
    tmp_path: Path, database: Engine, daemon: Daemon, metrics: Metrics
) -> None:
    house = House(tmp_path, database)
    house.tools = replace(house.tools, metrics=metrics)
    gauges = QueueGauges(database, ["q"])
    house.submit()
    metrics.gauges(gauges.read())
    until(lambda: daemon.numbers("gauges").get("queues.q.pending.runs") == 1, seconds=10, what="the run waits")
    house.deliver()
    house.runtime.works = lambda text: house.runtime.starts != 2
    house.submit("restart it")
    house.deliver()
    metrics.gauges(gauges.read())
    until(lambda: daemon.numbers("gauges")["queues.q.pending.runs"] == 0, seconds=10, what="everything arrived")
    done = [step for step in STEPS if step != "verify"]
    assert daemon.numbers("counters") == {
        "runs.queued": 2,
        "runs.status.succeeded": 1,
        "runs.status.rolled_back": 1,
        **{f"steps.{step}.started": 2 for step in STEPS},
        **{f"steps.{step}.succeeded": 2 for step in done},
        "steps.verify.succeeded": 1,
        "steps.verify.failed": 1,
        "steps.rollback.started": 1,
        "steps.rollback.succeeded": 1,
    }
    timers = daemon.timers()
    assert {name: len(values) for name, values in timers.items()} == {
        "runs.duration.succeeded": 1,
        "runs.duration.rolled_back": 1,
        **{f"steps.{step}.duration": 2 for step in STEPS},
        "steps.rollback.duration": 1,
    }
    (whole,) = timers["runs.duration.rolled_back"]
    assert timers["steps.rollback.duration"][0] <= whole < 120_000
    assert daemon.numbers("gauges")["leases.active"] == 0
