"""Real Docker Compose projects, each with its own name, on the engine of this machine; nothing of them stays."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from moonmind.schemas.service_profile import ComposeRuntime
from moonmind.workflows.orchestrator.command_runner import SubprocessRunner
from moonmind.workflows.orchestrator.ports import Command, CommandResult
from moonmind.workflows.orchestrator.runtimes.compose import ComposeServiceRuntime

DOCKERFILE = """\
FROM python:3.11-slim
COPY version app.py /srv/
HEALTHCHECK --interval=1s --retries=30 CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000')"]
CMD ["python", "/srv/app.py"]
"""
APP = """\
import http.server, pathlib
version = pathlib.Path('/srv/version').read_text()
if version == 'broken':
    import nosuchthing
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(version.encode())
http.server.HTTPServer(('', 8000), Handler).serve_forever()
"""
COMPOSE = """\
services:
  shop:
    build: .
    restart: ${RESTART:-no}
    environment: {TOKEN: "${TOKEN:-none}"}
    ports: ["127.0.0.1::8000"]
    depends_on: [catalog]
    stop_grace_period: 0s
  catalog:
    image: python:3.11-slim
    command: ["sleep", "infinity"]
    stop_grace_period: 0s
"""


@dataclass
class Project:
    """A Compose project in a folder of its own; `execute` runs commands as a step would, and keeps their log."""

    folder: Path
    name: str
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    timeout: float = 120
    log: str = ""

    def write(self, text: str) -> None:
        self.log += text

    def execute(self, command: Command) -> CommandResult:
        return SubprocessRunner(self.environment).run(command, log=self, timeout=self.timeout)

    def runtime(self, service: str = "shop") -> ComposeServiceRuntime:
        table = {"project": self.name, "service": service, "health": [{"engine": True}]}
        return ComposeServiceRuntime(ComposeRuntime.model_validate(table), self.folder)

    def put(self, **files: str) -> None:
        for name, text in files.items():
            (self.folder / {"compose": "compose.yaml", "app": "app.py", "env": ".env"}.get(name, name)).write_text(text)

    def docker(self, *args: str) -> str:
        return subprocess.run(["docker", *args], check=True, capture_output=True, text=True).stdout.strip()

    def compose(self, *args: str) -> str:
        file = str(self.folder / "compose.yaml")
        return self.docker("compose", "-p", self.name, "-f", file, "--env-file", "/dev/null", *args)

    def container(self, service: str) -> str:
        """Id, start and image of a service's container, as one line; empty when there is none."""
        found = self.compose("ps", "--all", "--quiet", service)
        return self.docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}} {{.Image}}", found) if found else ""

    def image(self, name: str) -> str:
        return self.docker("image", "ls", "--no-trunc", "--quiet", name)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """The shop and its catalog, neither built nor started yet."""
    project = Project(tmp_path, f"mmtest-{uuid4().hex[:8]}")
    project.put(Dockerfile=DOCKERFILE, app=APP, compose=COMPOSE, version="1")
    yield project
    project.put(compose=COMPOSE)
    project.compose("down", "--volumes", "--remove-orphans", "--rmi", "local", "--timeout", "0")
    project.docker("image", "prune", "--force", "--filter", f"label=com.docker.compose.project={project.name}")
    for tag in project.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").splitlines():
        if project.name in tag:
            project.docker("image", "rm", "--force", tag)
