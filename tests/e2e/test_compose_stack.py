"""The README's Compose example in a fresh copy of the clone, as a reader would run it; nothing of it stays."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
EXAMPLE = re.compile(r"<!-- test: compose-example -->\s*```(?:bash|sh|console)\n(.*?)```", re.DOTALL)
SERVICES = {"rabbitmq", "postgres", "migrate", "api", "celery-worker", "orchestrator"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Stack:
    """A copy of the clone, with a project name and ports of its own."""

    folder: Path
    project: str
    api_port: int
    shop_port: int

    def run(self, *argv: str, check: bool = True) -> str:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("MOONMIND_", "COMPOSE_"))},
            "PWD": str(self.folder),
            "HOME": str(self.folder.parent),
            "COMPOSE_PROJECT_NAME": self.project,
            "MOONMIND_API__PORT": str(self.api_port),
        }
        done = subprocess.run(
            argv, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, **an_ordinary_user()
        )
        assert done.returncode == 0 or not check, f"{' '.join(argv)}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        return done.stdout

    def get(self, path: str) -> Any:
        key = (self.folder / "var" / "admin.key").read_text().strip()
        url = f"http://127.0.0.1:{self.api_port}{path}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def inside(self, service: str, *argv: str) -> str:
        return self.run("docker", "compose", "exec", "-T", service, *argv)


def an_ordinary_user() -> dict[str, Any]:
    """For root: somebody else, who may use the engine, as people do; so files of containers show whose they are."""
    if os.getuid() != 0:
        return {}
    return {"user": 1000, "group": 1000, "extra_groups": [os.stat("/var/run/docker.sock").st_gid]}


def copy_of_the_clone(folder: Path) -> None:
    """What git knows or would take, as it lies on disk."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    names = [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    archive = subprocess.run(["tar", "-c", *names], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x"], cwd=folder, input=archive, check=True)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Not in pytest's own folder, which is its user's alone."""
    home = Path(tempfile.mkdtemp(prefix="mmtest-"))
    folder = home / "clone"
    folder.mkdir()
    copy_of_the_clone(folder)
    stack = Stack(folder, f"mmtest-{uuid4().hex[:8]}", free_port(), free_port())
    (folder / "services" / "shop" / ".env").write_text(f"SHOP_PORT={stack.shop_port}\n")
    if who := an_ordinary_user():
        subprocess.run(["chown", "-R", f"{who['user']}:{who['group']}", str(home)], check=True)
    shop = ("docker", "compose", "-p", "shop")
    assert stack.run(*shop, "ps", "--all", "--quiet") == "", "a Compose project `shop` is on this engine already"
    yield stack
    print(stack.run("docker", "compose", "logs", "--no-color", "--tail", "200", check=False))
    stack.run("docker", "compose", "down", "--volumes", "--remove-orphans", "--timeout", "5", check=False)
    stack.run(*shop, "-f", "services/shop/compose.yaml", "down", "--volumes", "--rmi", "local", "-t", "1", check=False)
    for project in (stack.project, "shop"):
        stack.run("docker", "image", "prune", "--force", "--filter", f"label=com.docker.compose.project={project}")
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def started(stack: Stack) -> Stack:
    """The stack, built and up."""
    stack.run("docker", "compose", "--progress", "plain", "up", "--detach", "--wait", "--build")
    return stack


def test_every_service_is_up_and_healthy_and_the_migration_is_done(started: Stack) -> None:
    lines = started.run("docker", "compose", "ps", "--all", "--format", "{{.Service}} {{.State}} {{.Health}}")
    found = {line.split()[0]: line.split()[1:] for line in lines.splitlines()}
    assert set(found) == SERVICES
    assert found.pop("migrate") == ["exited"]
    assert set(map(tuple, found.values())) == {("running", "healthy")}


def test_the_broker_knows_no_guest_and_keeps_quorum_queues(started: Stack) -> None:
    users = started.inside("rabbitmq", "rabbitmqctl", "--quiet", "list_users")
    assert [line.split()[0] for line in users.splitlines()[1:]] == ["moonmind"]
    queues = started.inside("rabbitmq", "rabbitmqctl", "--quiet", "list_queues", "-p", "moonmind", "name", "type")
    kinds = dict(line.split() for line in queues.splitlines()[1:])
    assert kinds["orchestrator.run"] == kinds["orchestrator.light"] == "quorum"


def test_only_the_orchestrator_reaches_the_engine_and_nothing_runs_as_root(started: Stack) -> None:
    owner = (started.folder / "config.toml").stat().st_uid
    for service in ("api", "celery-worker"):
        assert started.inside(service, "stat", "-c", "%u", "/proc/1").strip() == str(owner)
        assert started.inside(service, "sh", "-c", "ls /var/run/docker.sock 2>&1 || true").count("No such file")
    worker = "ps=$(grep -l '^celery' /proc/[0-9]*/comm | head -1); stat -c %u ${ps%/comm}"
    assert started.inside("orchestrator", "sh", "-c", worker).strip() == str(owner)
    assert started.inside("orchestrator", "docker", "compose", "version", "--short").startswith("2.")


def test_git_trusts_the_mounted_workspaces(started: Stack) -> None:
    trusted = started.inside("orchestrator", "git", "config", "--system", "--get-all", "safe.directory").split()
    assert str(started.folder / "var" / "demo") in trusted
    assert "*" not in trusted


def test_the_readmes_example_repairs_the_shop(started: Stack) -> None:
    found = EXAMPLE.search((ROOT / "README.md").read_text())
    assert found, "the README has no ```bash block after <!-- test: compose-example -->"
    script = found[1].replace("127.0.0.1:8000", f"127.0.0.1:{started.api_port}")
    started.run("bash", "-euo", "pipefail", "-c", script.replace("127.0.0.1:8090", f"127.0.0.1:{started.shop_port}"))
    run = ended_run(started)
    assert (run["status"], run["target_service"]) == ("succeeded", "shop"), run["failure"]
    with urllib.request.urlopen(f"http://127.0.0.1:{started.shop_port}/health", timeout=5) as answer:
        assert answer.status == 200
    logs = started.folder / "var" / "artifacts" / "spec_workflows" / run["run_id"]
    assert {"analyze.log", "patch.diff", "build.log", "restart.log", "verify.log"} <= {
        file.name for file in logs.iterdir()
    }
    assert logs.stat().st_uid == (started.folder / "config.toml").stat().st_uid


def ended_run(stack: Stack) -> dict[str, Any]:
    """The newest run, once it has ended."""
    deadline = time.monotonic() + 180
    while True:
        run: dict[str, Any] = stack.get("/orchestrator/runs")["runs"][0]
        if run["completed_at"]:
            return run
        assert time.monotonic() < deadline, run
        time.sleep(0.5)


def test_a_job_runs_one_command_against_the_same_stack(started: Stack) -> None:
    files = ("-f", "docker-compose.yaml", "-f", "docker-compose.job.yaml")
    answer = started.run("docker", "compose", *files, "run", "--rm", "job", "moonmind", "services", "--json")
    assert "shop" in answer
    json.loads(answer)
