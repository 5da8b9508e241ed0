"""One instruction repairs a running Compose service: a real API and worker, PostgreSQL 17, RabbitMQ, Docker Compose."""

from __future__ import annotations

import hashlib
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_docker.plugin import Services
from sqlalchemy import create_engine, text

from tests.servers import PASSWORD, ROOT, Orchestrator, answers, api, free_port, program, running, until, worker

pytestmark = [pytest.mark.docker, pytest.mark.rabbitmq]

STEPS = ["analyze", "patch", "build", "restart", "verify"]
LOGS = ["analyze.log", "patch.diff", "build.log", "restart.log", "verify.log"]
REQUIREMENTS = "# what the shop needs\nhumanize>=4.0  # for people\n"

DOCKERFILE = """\
FROM python:3.13-slim
RUN python3 -m venv /opt/shop
ENV PATH=/opt/shop/bin:$PATH PYTHONUNBUFFERED=1
COPY requirements.txt /srv/
RUN pip install --no-cache-dir --disable-pip-version-check -r /srv/requirements.txt
COPY app.py /srv/
CMD ["python", "/srv/app.py"]
"""
APP = """\
import http.server
import humanize
import dateutil.parser

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        year = dateutil.parser.parse("3 May 2026").year
        self.send_response(200)
        self.end_headers()
        self.wfile.write(humanize.intcomma(year).encode())

http.server.HTTPServer(("", 8000), Handler).serve_forever()
"""
COMPOSE = """\
services:
  shop:
    build: .
    ports: ["127.0.0.1:%d:8000"]
    stop_grace_period: 0s
    healthcheck:
      test: ["CMD", "python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000', timeout=2)"]
      interval: 1s
      retries: 30
  catalogue:
    image: python:3.13-slim
    command: ["sleep", "infinity"]
    stop_grace_period: 0s
"""
CONFIG = """\
[services.shop]
runtime = "compose"
workspace = "shop"
allow = ["requirements.txt"]
verify_successes = 2
timeouts = { verify = 20 }
[services.shop.compose]
project = "%s"
service = "shop"
health = [{ http = "http://127.0.0.1:%d/" }, { engine = true }]
"""


@pytest.fixture(scope="session")
def docker_compose_file() -> str:
    return str(ROOT / "docker-compose.test.yaml")


@pytest.fixture(scope="session")
def docker_compose_project_name() -> str:
    return f"mmservers-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def docker_setup() -> list[str]:
    return ["up --detach --wait"]


@pytest.fixture(scope="session")
def servers(docker_services: Services) -> dict[str, str]:
    """URLs of PostgreSQL 17 and RabbitMQ, reached through their published ports."""
    postgres, rabbitmq = docker_services.port_for("postgres", 5432), docker_services.port_for("rabbitmq", 5672)
    return {
        "postgres": f"postgresql+psycopg://moonmind:{PASSWORD}@127.0.0.1:{postgres}",
        "rabbitmq": f"amqp://moonmind:{PASSWORD}@127.0.0.1:{rabbitmq}/moonmind",
    }


class Shop:
    """The service under repair, in a git workspace with somebody's unfinished work."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "shop"
        self.folder.mkdir()
        self.port, self.project = free_port(), f"mmshop-{uuid.uuid4().hex[:8]}"
        files = {
            "Dockerfile": DOCKERFILE,
            "app.py": APP,
            "compose.yaml": COMPOSE % self.port,
            "notes.txt": "committed\n",
        }
        for name, content in {**files, "requirements.txt": REQUIREMENTS}.items():
            (self.folder / name).write_text(content)
        (home / "config.toml").write_text(CONFIG % (self.project, self.port))
        self.git("init", "--quiet")
        self.git("add", ".")
        self.git("-c", "user.name=kim", "-c", "user.email=kim@example.org", "commit", "--quiet", "-m", "start")
        (self.folder / "notes.txt").write_text("unfinished work\n")
        (self.folder / "idea.txt").write_text("not added yet\n")

    def git(self, *args: str) -> str:
        return subprocess.run(["git", *args], cwd=self.folder, check=True, capture_output=True, text=True).stdout

    def docker(self, *args: str) -> str:
        return subprocess.run(["docker", *args], check=True, capture_output=True, text=True).stdout.strip()

    def compose(self, *args: str) -> str:
        return self.docker("compose", "--project-directory", str(self.folder), "-p", self.project, *args)

    def container(self, service: str) -> str:
        """What changes when a service is restarted or rebuilt: container, start, image."""
        found = self.compose("ps", "--all", "--quiet", service)
        return self.docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}} {{.Image}}", found)

    def image(self) -> str:
        return self.docker("image", "inspect", "--format", "{{.Id}}", f"{self.project}-shop")

    def kept_image(self) -> str:
        """The image that a run keeps under a tag of its own for its undoing; an ended run is tidied up a bit later."""
        return self.docker("image", "ls", "--quiet", "--filter", f"reference=moonmind-rollback/{self.project}-shop:*")

    def hashes(self) -> dict[str, str]:
        """Every file of the workspace but git's own, by content and mode."""
        files = [path for path in sorted(self.folder.rglob("*")) if path.is_file() and ".git" not in path.parts]
        return {path.name: f"{path.stat().st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files}

    def answer(self) -> str:
        return httpx.get(f"http://127.0.0.1:{self.port}/", timeout=5, trust_env=False).text

    def remove(self) -> None:
        self.compose("down", "--volumes", "--remove-orphans", "--rmi", "local", "--timeout", "0")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    yield shop
    shop.remove()


@pytest.fixture
def orchestrator(tmp_path: Path, shop: Shop, servers: dict[str, str]) -> Iterator[Orchestrator]:
    """API and worker as processes of their own, on servers of their own."""
    name, port = f"run_{uuid.uuid4().hex[:8]}", free_port()
    admin = create_engine(f"{servers['postgres']}/moonmind", isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    env = {
        "MOONMIND_HOME": str(tmp_path),
        "MOONMIND_DATABASE__URL": f"{servers['postgres']}/{name}",
        "MOONMIND_BROKER__URL": servers["rabbitmq"],
        "MOONMIND_ORCHESTRATOR__QUEUE": name,
    }
    log = tmp_path / "processes.log"
    assert program("alembic", "upgrade", "head", env=env, log=log).wait(60) == 0, log.read_text()
    with ExitStack() as stack:
        stack.enter_context(running(*api(port), env=env, log=log))
        stack.enter_context(running(*worker(f"{name},orchestrator.light"), env=env, log=log))
        until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), seconds=60, what="the API is ready")
        with closing(Orchestrator(f"http://127.0.0.1:{port}", tmp_path)) as client:
            yield client
    if "Traceback" in (said := log.read_text()):
        pytest.fail(said)


def test_a_missing_package_is_repaired_and_nothing_else_is_touched(shop: Shop, orchestrator: Orchestrator) -> None:
    shop.compose("up", "--detach", "--build")
    before, neighbour = shop.hashes(), shop.container("catalogue")

    run = orchestrator.wait(orchestrator.submit("shop", "fix the missing dependency"))

    assert (run["status"], run["failure"]) == ("succeeded", None)
    assert shop.answer() == "2,026"
    assert [(step["name"], step["status"]) for step in run["steps"]] == [(name, "succeeded") for name in STEPS]
    started = [step["started_at"] for step in run["steps"]]
    assert started == sorted(started)
    logs = [path for path in _paths_by_step(run) if path in LOGS]
    assert logs == LOGS
    assert "No module named 'dateutil'" in orchestrator.content(run["run_id"], "analyze.log")
    assert "+python-dateutil" in orchestrator.content(run["run_id"], "patch.diff")
    assert "pip install" in orchestrator.content(run["run_id"], "build.log")
    assert "shop" in orchestrator.content(run["run_id"], "restart.log")
    assert "healthy, 2 of 2" in orchestrator.content(run["run_id"], "verify.log")
    after = shop.hashes()
    assert {name for name in after if after[name] != before.get(name)} == {"requirements.txt"}
    assert (shop.folder / "requirements.txt").read_text().startswith(REQUIREMENTS)
    assert shop.container("catalogue") == neighbour
    assert shop.git("status", "--porcelain") == " M notes.txt\n M requirements.txt\n?? idea.txt\n"
    assert (shop.folder / "notes.txt").read_text() == "unfinished work\n"
    until(lambda: not shop.kept_image(), seconds=30, what="the image kept for an undoing is gone")


def test_a_change_that_does_not_help_leaves_files_and_image_as_before(shop: Shop, orchestrator: Orchestrator) -> None:
    (shop.folder / "app.py").write_text(
        APP.replace("import dateutil.parser", "import dateutil.parser\n\nraise SystemExit('no')")
    )
    shop.compose("up", "--detach", "--build")
    before, image, neighbour = shop.hashes(), shop.image(), shop.container("catalogue")

    run = orchestrator.wait(orchestrator.submit("shop", "fix the missing dependency"))

    assert (run["status"], run["failure"]["code"], run["rollback_verified"]) == ("rolled_back", "verify_failed", True)
    assert shop.hashes() == before
    assert shop.image() == image
    assert shop.container("shop").endswith(image)
    assert shop.container("catalogue") == neighbour
    assert "+python-dateutil" in orchestrator.content(run["run_id"], "patch.diff")
    assert "restored requirements.txt" in orchestrator.content(run["run_id"], "rollback.log")
    until(lambda: not shop.kept_image(), seconds=30, what="the image kept for an undoing is gone")


def test_a_service_that_nothing_safe_can_be_done_for_is_left_alone(shop: Shop, orchestrator: Orchestrator) -> None:
    (shop.folder / "app.py").write_text("import shop_setings\n")
    (shop.folder / "shop_settings.py").write_text("")
    shop.compose("up", "--detach", "--build")
    before, running_before = shop.hashes(), shop.container("shop")

    run = orchestrator.wait(orchestrator.submit("shop", "fix the missing dependency"))

    assert (run["status"], run["failure"]["code"]) == ("failed", "no_fix_found")
    assert "shop_setings" in run["failure"]["reason"]
    assert (shop.hashes(), shop.container("shop")) == (before, running_before)


def _paths_by_step(run: dict[str, Any]) -> list[str]:
    """The paths of all artifacts in the order of the steps that made them."""
    paths = {artifact["artifact_id"]: artifact["path"] for artifact in run["artifacts"]}
    return [paths[ref] for step in run["steps"] for ref in step["artifact_refs"]]
