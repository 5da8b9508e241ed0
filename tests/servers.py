"""Helpers for tests with real servers and our own processes; the servers are those of docker-compose.test.yaml."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parent.parent
STATSD = ROOT / "var" / "statsd" / "node_modules" / "statsd" / "stats.js"
PASSWORD = "test"  # what docker-compose.test.yaml says


def until(ready: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Wait for a condition; fails with its name."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
        time.sleep(0.1)


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(*args: str, env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """One of our own processes, by module, in a process group of its own; its output goes to `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", *args],
            cwd=ROOT,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a process that `program` started, politely, then for good."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def running(*args: str, env: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`program` for the length of a block."""
    process = program(*args, env=env, log=log)
    try:
        yield process
    finally:
        end(process)


def api(port: int) -> tuple[str, ...]:
    """The API's command."""
    return ("uvicorn", "--factory", "api_service.main:create_app", "--port", str(port))


def worker(queues: str) -> tuple[str, ...]:
    """A worker's command."""
    return ("celery", "-A", "moonmind.workflows.orchestrator.tasks", "worker", "--pool", "threads", "-Q", queues)


def answers(url: str) -> bool:
    """Whether a GET gives 200."""
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


class Orchestrator:
    """A client of a running API, with its admin key."""

    def __init__(self, url: str, home: Path) -> None:
        key = (home / "var" / "admin.key").read_text().strip()
        self._client = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False
        )

    def close(self) -> None:
        self._client.close()

    def submit(self, service: str, instruction: str, **rest: Any) -> str:
        answer = self._client.post(
            "/orchestrator/runs", json={"instruction": instruction, "target_service": service, **rest}
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["run_id"])

    def show(self, run: str) -> dict[str, Any]:
        answer = self._client.get(f"/orchestrator/runs/{run}")
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    def wait(self, run: str, seconds: float = 180) -> dict[str, Any]:
        """The run as it ended."""
        until(lambda: self.show(run)["completed_at"] is not None, seconds=seconds, what=f"run {run} ends")
        return self.show(run)

    def content(self, run: str, path: str) -> str:
        """An artifact's text, by its signed address, without a key."""
        (artifact,) = [a for a in self.show(run)["artifacts"] if a["path"] == path]
        url = str(self._client.base_url.join(artifact["download_url"]))
        answer = httpx.get(url, timeout=30, trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer.text
