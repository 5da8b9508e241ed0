"""A real service under its real runtime, an API to ask, and a worker that does what it finds in the outbox.

The same stories can so be told over Docker Compose and over the process runtime.
"""

from __future__ import annotations

import hashlib
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import httpx
from fastapi.testclient import TestClient
from sqlalchemy import text

from api_service.main import create_app
from moonmind.config.places import ServicePlace
from moonmind.config.settings import Settings, load_settings
from moonmind.embedded.programs import service_programs
from moonmind.embedded.sockets import free_port
from moonmind.embedded.stack import stop
from moonmind.embedded.supervisor import Supervisor, configure, launch
from moonmind.workflows.orchestrator.bootstrap import make_database, make_toolbox
from moonmind.workflows.orchestrator.local_services import prepare_service
from moonmind.workflows.orchestrator.use_cases import do_task
from tests.servers import until

REQUIREMENTS = "# what the shop needs\nhumanize>=4.0  # for people\n"
SERVER = """
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/year":
            import dateutil.parser
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"open")

http.server.HTTPServer((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])), Handler).serve_forever()
"""
BROKEN = "import http.server\nimport os\nimport dateutil.parser\n" + SERVER
"""Does not start without what is missing."""
HEALTHY_WITHOUT = (
    "import http.server\nimport importlib.util\nimport os\nimport sys\n"
    'if importlib.util.find_spec("dateutil"):\n    sys.exit("this one breaks with what it lacks")\n' + SERVER
)
"""Runs, fails only where a page needs what is missing, and does not start with it: a change that must be undone."""

DOCKERFILE = """\
FROM python:3.13-slim
RUN python3 -m venv /opt/shop
ENV PATH=/opt/shop/bin:$PATH PYTHONUNBUFFERED=1 PORT=8000 HOST=0.0.0.0
COPY requirements.txt /srv/
RUN pip install --no-cache-dir --disable-pip-version-check -r /srv/requirements.txt
COPY app.py /srv/
CMD ["python", "/srv/app.py"]
"""
COMPOSE = """\
services:
  shop:
    build: .
    ports: ["127.0.0.1:%d:8000"]
    stop_grace_period: 0s
"""
PROFILE = """\
[services.shop]
runtime = "%s"
workspace = "shop"
allow = ["requirements.txt"]
verify_successes = 2
delivery = "%s"
timeouts = { verify = 20 }
approval = { requirement = "%s" }
"""


class Place(Protocol):
    """Where the service lives."""

    runtime: str
    port: int

    def profile(self) -> str: ...
    def put_up(self, settings: Settings) -> None: ...
    def build_id(self) -> str: ...
    def close(self) -> None: ...


class ComposePlace:
    """A Compose project of its own."""

    runtime = "compose"

    def __init__(self, home: Path) -> None:
        self.folder, self.port, self.project = home / "shop", free_port(), f"mmsite-{uuid.uuid4().hex[:8]}"

    def profile(self) -> str:
        (self.folder / "Dockerfile").write_text(DOCKERFILE)
        (self.folder / "compose.yaml").write_text(COMPOSE % self.port)
        table = f'[services.shop.compose]\nproject = "{self.project}"\nservice = "shop"\n'
        return table + f'health = [{{ http = "http://127.0.0.1:{self.port}/" }}]\n'

    def put_up(self, settings: Settings) -> None:
        self._compose("up", "--detach", "--build")

    def build_id(self) -> str:
        return self._docker("image", "inspect", "--format", "{{.Id}}", f"{self.project}-shop")

    def close(self) -> None:
        self._compose("down", "--volumes", "--remove-orphans", "--rmi", "local", "--timeout", "0")
        for tag in self._docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").splitlines():
            if self.project in tag:
                self._docker("image", "rm", "--force", tag)

    def _compose(self, *args: str) -> None:
        self._docker("compose", "--project-directory", str(self.folder), "-p", self.project, *args)

    def _docker(self, *args: str) -> str:
        return subprocess.run(["docker", *args], check=True, capture_output=True, text=True).stdout.strip()


class ProcessPlace:
    """A supervisord of its own."""

    runtime = "process"

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port()

    def profile(self) -> str:
        table = f'[services.shop.process]\ncommand = ["python", "app.py"]\nport = {self.port}\n'
        return table + 'health = [{ http = "http://127.0.0.1:{port}/" }]\n'

    def put_up(self, settings: Settings) -> None:
        programs = service_programs(settings, {"PATH": "/usr/bin:/bin"}, {"shop": self.port})
        configure(self.home, programs)
        self.child = launch(self.home, attached=True)
        until(Supervisor(self.home).answers, seconds=30, what="supervisord answers")
        prepare_service(settings, "shop", lambda text: None, rebuild=True)

    def build_id(self) -> str:
        return str(ServicePlace(self.home, "shop").current.resolve())

    def close(self) -> None:
        stop(self.home)
        self.child.wait(30)


PLACES: dict[str, type[ComposePlace] | type[ProcessPlace]] = {"compose": ComposePlace, "process": ProcessPlace}


class Site:
    """The service, the API with people who have keys, and the worker."""

    def __init__(self, home: Path, place: Place, settings: Settings, client: TestClient) -> None:
        self.home, self.place, self.settings, self._client = home, place, settings, client
        self.shop = home / "shop"
        self.database = make_database(settings)
        self.tools = make_toolbox(settings, self.database)
        admin = (settings.var / "admin.key").read_text().strip()
        self._keys = {"admin": admin}
        for name, roles in {"kim": ["operator", "approver"], "ann": ["approver"], "ben": ["approver"]}.items():
            made = self.call("POST", "/keys", by="admin", json={"owner": name, "roles": roles})
            self._keys[name] = made.json()["key"]

    def call(self, method: str, path: str, *, by: str = "kim", **rest: Any) -> httpx.Response:
        answer: httpx.Response = self._client.request(
            method, path, headers={"Authorization": f"Bearer {self._keys[by]}"}, **rest
        )
        return answer

    def submit(self, instruction: str = "fix the missing dependency", **rest: Any) -> str:
        body = {"instruction": instruction, "target_service": "shop", **rest}
        answer = self.call("POST", "/orchestrator/runs", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["run_id"])

    def show(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/orchestrator/runs/{run}").json()
        return found

    def token(self, run: str, by: str) -> httpx.Response:
        return self.call("POST", f"/orchestrator/runs/{run}/approval-tokens", by=by)

    def answer(self, run: str, by: str, decision: str = "approve") -> httpx.Response:
        got = self.token(run, by)
        if got.status_code != 201:
            return got
        body = {"approver": {"id": by, "role": "approver"}, "token": got.json()["token"], "decision": decision}
        return self.call("POST", f"/orchestrator/runs/{run}/approvals", by=by, json=body)

    def retry(self, run: str, step: str | None = None) -> httpx.Response:
        body = {"resume_from_step": step} if step else {}
        return self.call("POST", f"/orchestrator/runs/{run}/retry", json=body)

    def work(self, *, until_step: str | None = None) -> None:
        """What a worker does: every message, every chain; with `until_step` no further than that step's end."""
        while messages := self._take():
            for tasks, payload in messages:
                for task in tasks:
                    name = task.removeprefix("orchestrator.")
                    goes_on = do_task(self.tools, name, UUID(payload["id"]), payload["epoch"], "task")
                    if name == until_step:
                        return
                    if not goes_on:
                        break

    def files(self) -> dict[str, str]:
        """Every file of the workspace but git's and Python's own, by mode and content."""
        found = [path for path in sorted(self.shop.rglob("*")) if path.is_file()]
        return {
            path.name: f"{path.stat().st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
            for path in found
            if not {".git", "__pycache__"} & set(path.parts)
        }

    def artifact(self, run: str, name: str) -> str:
        return (self.settings.artifact_root / "spec_workflows" / run / name).read_text()

    def get(self, path: str = "/") -> int:
        try:
            return httpx.get(f"http://127.0.0.1:{self.place.port}{path}", timeout=5, trust_env=False).status_code
        except httpx.HTTPError:
            return 0

    def wait_open(self) -> None:
        until(lambda: self.get() == 200, seconds=60, what="the shop answers")

    def _take(self) -> list[tuple[list[str], dict[str, Any]]]:
        with self.database.begin() as connection:
            rows = connection.execute(text("DELETE FROM outbox RETURNING id, tasks, payload")).all()
        return [(row.tasks, row.payload) for row in sorted(rows)]


@contextmanager
def site(
    kind: str, home: Path, database_url: str, *, app: str, requirement: str, delivery: str = "leave"
) -> Iterator[Site]:
    """One site for the length of a block; the service is up, as good as `app` lets it be."""
    shop = home / "shop"
    shop.mkdir()
    (shop / "app.py").write_text(app)
    (shop / "requirements.txt").write_text(REQUIREMENTS)
    place = PLACES[kind](home)
    (home / "config.toml").write_text(PROFILE % (place.runtime, delivery, requirement) + place.profile())
    environment = {
        "MOONMIND_DATABASE__URL": database_url,
        "MOONMIND_BROKER__URL": f"filesystem://{home}/broker",
        "MOONMIND_API__ALLOWED_HOSTS": "testserver",
    }
    settings = load_settings(home, environment)
    try:
        place.put_up(settings)
        with TestClient(create_app(settings), raise_server_exceptions=False) as client:
            made = Site(home, place, settings, client)
            yield made
            made.database.dispose()
    finally:
        place.close()
