"""The service of the Docker rows: a Compose project of one container, built in a second, repaired by one line."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.faults.services import NEW, OLD, sha256

APP = """\
import http.server, pathlib, sys, types
if "python-dateutil" in pathlib.Path("/srv/requirements.txt").read_text():
    sys.modules["dateutil"] = types.ModuleType("dateutil")
import dateutil

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

http.server.HTTPServer(("", 8000), Handler).serve_forever()
"""
DOCKERFILE = """\
FROM python:3.13-slim
COPY requirements.txt app.py /srv/
CMD ["python", "/srv/app.py"]
"""
COMPOSE = """\
services:
  shop:
    build: .
    ports: ["127.0.0.1:{port}:8000"]
    stop_grace_period: 0s
"""


@dataclass(frozen=True)
class Box:
    """One service in its own project. `timeouts` as in `config.toml`."""

    home: Path
    name: str
    project: str
    port: int
    timeouts: str

    @property
    def workspace(self) -> Path:
        return self.home / "work" / self.name

    @property
    def image(self) -> str:
        return f"{self.project}-shop"

    def config(self) -> str:
        return (
            f'[services.{self.name}]\nruntime = "compose"\nworkspace = "work/{self.name}"\n'
            f'allow = ["requirements.txt"]\nverify_successes = 1\ntimeouts = {{ {self.timeouts} }}\n'
            f'[services.{self.name}.compose]\nproject = "{self.project}"\nservice = "shop"\n'
            f'health = [{{ http = "http://127.0.0.1:{self.port}/" }}]\n'
        )

    def files(self) -> dict[str, bytes]:
        return {
            "app.py": APP.encode(),
            "Dockerfile": DOCKERFILE.encode(),
            "compose.yaml": COMPOSE.format(port=self.port).encode(),
            "requirements.txt": OLD,
        }

    def put_back(self) -> None:
        """Built and started without the line that it needs; the image is kept, so that the next time is quick."""
        self.workspace.mkdir(parents=True, exist_ok=True)
        for name, content in self.files().items():
            (self.workspace / name).write_bytes(content)
        if self.old_image() is None:
            self._compose("build", "--quiet")
            self._docker("image", "tag", self.image, f"{self.image}:old")
        self._docker("image", "tag", f"{self.image}:old", self.image)
        self._compose("up", "--detach", "--force-recreate", "--no-build")

    def remove(self) -> None:
        if self.workspace.is_dir():
            self._compose("down", "--volumes", "--timeout", "0")
            for name in self._docker("image", "ls", "--quiet", "--filter", f"reference={self.image}*").split():
                self._docker("image", "rm", "--force", name)
            label = f"label=com.docker.compose.project={self.project}"  # what runs built has lost its name meanwhile
            self._docker("image", "prune", "--force", "--filter", label)

    def old_image(self) -> str | None:
        return self._docker("image", "ls", "--no-trunc", "--quiet", f"{self.image}:old").strip() or None

    def described(self) -> dict[str, object]:
        """For the checker."""
        before = {name: sha256(content) for name, content in self.files().items()}
        return {
            "name": self.name,
            "workspace": str(self.workspace),
            "before": before,
            "after": {**before, "requirements.txt": sha256(NEW)},
            "url": f"http://127.0.0.1:{self.port}/",
            "healthy": False,
            "project": self.project,
            "image": self.image,
        }

    def _compose(self, *args: str) -> str:
        return self._docker("compose", "--project-directory", str(self.workspace), "-p", self.project, *args)

    def _docker(self, *args: str) -> str:
        env = {name: value for name, value in os.environ.items() if name != "DOCKER_HOST"}
        return subprocess.run(["docker", *args], check=True, capture_output=True, text=True, env=env).stdout
