"""Broken services under Docker Compose, repaired by one instruction each with the installed command: real images, real
package indexes, the embedded stack. All are asked for at once."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.embedded_home import EmbeddedHome

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

SERVE = """\
import http.server
http.server.HTTPServer(("", 8000), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
PYTHON = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY app.py ./
CMD ["python", "app.py"]
"""
COMPILES = """\
FROM python:3.11-slim
WORKDIR /app
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY shrink.c ./
RUN gcc -o shrink shrink.c
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY app.py ./
CMD ["python", "app.py"]
"""
SHRINK = """\
#include <stdio.h>
#include <zlib.h>
int main(void) { puts(ZLIB_VERSION); return 0; }
"""
NODE = """\
FROM node:20-slim
WORKDIR /app
COPY package.json ./
RUN npm install --omit=dev
COPY server.js ./
CMD ["node", "server.js"]
"""
SERVER = """\
const ms = require("ms");
require("http").createServer((_, answer) => answer.end(String(ms("2 days")))).listen(8000);
"""
PACKAGE = '{\n  "name": "clock",\n  "version": "1.0.0",\n  "private": true,\n  "dependencies": {}\n}\n'
LOADS = 'import ctypes\nctypes.CDLL("libsodium.so.23")\n'

BROKEN: Mapping[str, Mapping[str, str]] = {
    "package": {"Dockerfile": PYTHON, "requirements.txt": "# none yet\n", "app.py": "import yaml\n" + SERVE},
    "library": {"Dockerfile": PYTHON, "requirements.txt": "# none\n", "app.py": LOADS + SERVE},
    "header": {"Dockerfile": COMPILES, "requirements.txt": "# none\n", "shrink.c": SHRINK, "app.py": SERVE},
    "conflict": {
        "Dockerfile": PYTHON,
        "requirements.txt": "requests==2.20.0\nurllib3==2.2.3\n",
        "app.py": "import requests\n" + SERVE,
    },
    "node": {"Dockerfile": NODE, "package.json": PACKAGE, "server.js": SERVER},
    "three": {
        "Dockerfile": COMPILES,
        "requirements.txt": "# none yet\n",
        "shrink.c": SHRINK,
        "app.py": "import yaml\n" + LOADS + SERVE,
    },
}


@dataclass(frozen=True)
class Town:
    """One home with all services, and how the run of each ended."""

    home: EmbeddedHome
    runs: Mapping[str, dict[str, Any]]

    def edits(self, service: str) -> list[tuple[str, str, str]]:
        plan = json.loads((self.artifacts(service) / "plan.json").read_text())
        return [(edit["kind"], edit["file"], edit["name"]) for edit in plan["edits"]]

    def artifacts(self, service: str) -> Path:
        return self.home.folder / "var/artifacts/spec_workflows" / self.runs[service]["run_id"]

    def repaired(self, service: str) -> dict[str, Any]:
        run = self.runs[service]
        logs = [path.read_text()[-3000:] for path in sorted(self.artifacts(service).glob("*.log"))]
        assert run["status"] == "succeeded", "\n".join((json.dumps(run.get("failure")), *logs))
        return run


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def profile(name: str, project: str, port: int) -> str:
    return (
        f'[services.{name}]\nruntime = "compose"\nworkspace = "{name}"\n'
        'allow = ["requirements.txt", "Dockerfile", "package.json", "package-lock.json"]\n'
        f'compose = {{ project = "{project}", service = "{name}", '
        f'health = [{{ http = "http://127.0.0.1:{port}/" }}] }}\n'
    )


def compose(project: str, folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", "compose", "-p", project, *argv], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    home = EmbeddedHome(tmp_path_factory.mktemp("town") / "home")
    projects = {name: f"mmtest-{name}-{uuid4().hex[:6]}" for name in BROKEN}
    tables = []
    for name, files in BROKEN.items():
        folder, port = home.folder / name, free_port()
        folder.mkdir()
        service = f'{{ build: ., ports: ["127.0.0.1:{port}:8000"], stop_grace_period: 0s }}'
        for path, content in {**files, "compose.yaml": f"services:\n  {name}: {service}\n"}.items():
            (folder / path).write_text(content)
        tables.append(profile(name, projects[name], port))
        compose(projects[name], folder, "up", "--detach", "--build")  # as far as it goes: it is broken
    (home.folder / "config.toml").write_text("\n".join(tables))
    try:
        started = home.run("up", "--detach")
        assert started.returncode == 0, started.stderr
        asked = {name: home.start("runs", "create", "--service", name, "--wait", "--json", "fix it") for name in BROKEN}
        yield Town(home, {name: json.loads(process.communicate(timeout=800)[0]) for name, process in asked.items()})
    finally:
        home.run("down")
        for name, project in projects.items():
            compose(project, home.folder / name, "down", "--volumes", "--rmi", "local", "--timeout", "1")


def test_a_missing_python_package_is_added_with_its_proof(town: Town) -> None:
    town.repaired("package")
    assert town.edits("package") == [("requirement_add", "requirements.txt", "pyyaml")]
    assert "proof of pyyaml: " in (town.artifacts("package") / "analyze.log").read_text()


def test_a_missing_shared_library_is_installed_into_the_image(town: Town) -> None:
    town.repaired("library")
    assert town.edits("library") == [("os_package_add", "Dockerfile", "libsodium23")]


def test_a_missing_header_is_installed_where_the_build_needs_it(town: Town) -> None:
    town.repaired("header")
    assert town.edits("header") == [("os_package_add", "Dockerfile", "zlib1g-dev")]


def test_pins_that_contradict_each_other_are_brought_together(town: Town) -> None:
    town.repaired("conflict")
    assert {kind for kind, _, _ in town.edits("conflict")} == {"requirement_pin"}


def test_a_missing_node_package_is_added(town: Town) -> None:
    town.repaired("node")
    assert town.edits("node") == [("npm_add", "package.json", "ms")]


def test_three_failures_that_hide_each_other_are_repaired_in_one_run(town: Town) -> None:
    run = town.repaired("three")
    assert sorted(name for _, _, name in town.edits("three")) == ["libsodium23", "pyyaml", "zlib1g-dev"]
    assert run["action_plan"]["version"] >= 3
