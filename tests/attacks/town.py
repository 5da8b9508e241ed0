"""The running system that is attacked: PostgreSQL, API, worker, supervisor with services, each a real process.

The broker is a folder and the services are processes, as in the embedded stack: nothing here needs Docker.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psycopg

from moonmind.config.settings import load_settings
from moonmind.embedded.postgres import Postgres
from moonmind.embedded.programs import MARK, service_programs
from moonmind.embedded.stack import stop as stop_supervised
from moonmind.embedded.supervisor import Supervisor, configure, launch
from tests.faults.index import Index
from tests.faults.services import ASKING, BAD, COMMITTED, GOOD, SOUND, Service, Sort, sha256
from tests.servers import ROOT, answers, api, free_port, running, until, worker

NESTED = replace(GOOD, manifest="deps/requirements.txt", install="deps/requirements.txt")
"""Its folder of manifests is a link out of the workspace."""
SORTS: Mapping[str, Sort] = {
    **dict.fromkeys(("shop", "good1", "linked", "swapped", "leaky", "mirror"), GOOD),
    "nested": NESTED,
    "committed": COMMITTED,
    **dict.fromkeys(("asking0", "asking1"), ASKING),
    "bad0": BAD,
    "sound0": SOUND,
}
BOXED = """
[services.boxed]
runtime = "compose"
workspace = "work/boxed"
allow = ["requirements.txt"]
compose = { project = "mmattack", service = "shop", health = [{ http = "http://127.0.0.1:9/" }] }
"""
CONFIG = """
[orchestrator]
lease_seconds = 5
reaper_seconds = 0.3
"""
PEOPLE = {
    "kim": ("operator", "approver"),
    "ann": ("approver", "viewer"),
    "ben": ("approver", "viewer"),
    "vic": ("viewer",),
}
FOREIGN = ("MOONMIND_", "PIP_", "PYTHON", "DOCKER_")
"""Of the suite's own environment, what the town must not see."""
RUNS = "/orchestrator/runs"
PATIENCE = 240.0
"""Seconds for a run on a busy machine; it takes about three."""


class Town:
    """Everything below `folder`. `secrets` are all texts that nobody may ever be shown."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self.logs = folder / "log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.secrets: dict[str, str] = {}
        self.answered: Counter[int] = Counter()
        self.deliberate = 0
        self.said = folder / "answers.log"
        self._stack = ExitStack()

    # --- up and down

    def start(self) -> None:
        (self.home / "work").mkdir(parents=True)
        self.logs.mkdir()
        self.services = {name: Service(self.home, name, sort, free_port()) for name, sort in SORTS.items()}
        (self.home / "work" / "boxed").mkdir()
        config = CONFIG + "\n".join(service.config() for service in self.services.values()) + BOXED
        (self.home / "config.toml").write_text(config)
        (self.folder / "outside").mkdir()
        self.index = Index()
        self._stack.callback(self.index.close)
        self.postgres = Postgres(self.folder / "postgres", durable=False)
        self.postgres.start()
        self._stack.callback(self.postgres.stop)
        subprocess.run(
            [sys.executable, "-m", "alembic", "upgrade", "head"],
            cwd=ROOT,
            env=self.env(),
            check=True,
            capture_output=True,
        )
        self._start_services()
        self._stack.enter_context(
            running(*api(self.port), "--no-proxy-headers", env=self.env(), log=self.logs / "api.log")
        )
        until(lambda: answers(f"{self.url}/health"), seconds=60, what="the API answers")
        self.worker = self._stack.enter_context(running(*self._worker(), env=self.env(), log=self.logs / "worker.log"))
        self.client = httpx.Client(
            base_url=self.url, timeout=30, trust_env=False, event_hooks={"response": [self._note]}
        )
        self._stack.callback(self.client.close)
        self._learn_secrets()
        self.before = self.fingerprint()
        until(lambda: " ready." in (self.logs / "worker.log").read_text(), seconds=60, what="the worker is ready")

    def stop(self) -> None:
        self._stack.close()

    # --- what attacks are made of

    def call(self, method: str, path: str, *, by: str | None = "admin", **rest: Any) -> httpx.Response:
        """A request with somebody's key, or with none."""
        headers = {"Authorization": f"Bearer {self.keys[by]}"} if by else {}
        return self.client.request(method, path, headers={**headers, **rest.pop("headers", {})}, **rest)

    def submit(
        self, service: str, instruction: str = "fix the missing dependency", *, by: str = "kim", **rest: Any
    ) -> str:
        """The id of an accepted run."""
        body = {"instruction": instruction, "target_service": service, **rest}
        answer = self.call("POST", RUNS, by=by, json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["run_id"])

    def show(self, run: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.call("GET", f"{RUNS}/{run}").json()
        return shown

    def wait(self, run: str, status: str | None = None) -> dict[str, Any]:
        """The run as it ended, or once it has this status."""

        def is_there() -> bool:
            assert self.worker.poll() is None, "the worker has ended"
            shown = self.show(run)
            return bool(shown["status"] == status if status else shown["completed_at"])

        until(is_there, seconds=PATIENCE, what=f"run {run} is {status or 'over'}")
        return self.show(run)

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the database."""
        with psycopg.connect(self.postgres.url.replace("+psycopg", ""), autocommit=True) as connection:
            done = connection.execute(query, values or None)  # type: ignore[arg-type]
            return done.fetchall() if done.description else []

    def add_key(self, owner: str, *roles: str, name: str = "attack") -> str:
        made = self.client.post(
            "/keys",
            json={"owner": owner, "name": name, "roles": roles},
            headers={"Authorization": f"Bearer {self.admin}"},
        )
        key = str(made.json()["key"])
        self.secrets[f"key of {owner} {name}"] = key
        return key

    def env(self, **more: str) -> dict[str, str]:
        """Of API and worker. Nothing of the suite's own leaks in."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        return {
            **dict.fromkeys((name for name in os.environ if name.startswith(FOREIGN)), ""),
            **plain,
            "MOONMIND_HOME": str(self.home),
            "MOONMIND_DATABASE__URL": self.postgres.url,
            "MOONMIND_BROKER__URL": f"filesystem://{self.folder}/broker",
            "MOONMIND_API__RATE_LIMIT": "100000/second",
            "MOONMIND_API__RATE_LIMIT_ANONYMOUS": "100000/second",
            "MOONMIND_API__SIGN_IN_LIMIT": "100000/second",
            "MOONMIND_METRICS__ACCESS": "key",
            MARK: str(self.home),
            "SHOP_API_TOKEN": self.secrets.setdefault("of the environment", "kT9-xY_77qLmZ/pw+3"),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": self.index.url,
            "PIP_NO_CACHE_DIR": "1",
            "NO_PROXY": "127.0.0.1",
            **more,
        }

    def answers(self) -> list[str]:
        """Everything that the attacks were answered, one a line."""
        return self.said.read_text().splitlines() if self.said.exists() else []

    def fingerprint(self) -> dict[str, str]:
        """Hash and mode of every file that runs could reach and that no run, service or server writes by itself."""
        roots = (self.home / "work", self.home / "config.toml", self.folder / "outside")
        files = [file for root in roots for file in (root.rglob("*") if root.is_dir() else [root]) if file.is_file()]
        kept = [file for file in files if not {".git", "__pycache__"} & set(file.parts)]
        return {
            file.relative_to(self.folder).as_posix(): f"{file.stat().st_mode:o} {sha256(file.read_bytes())}"
            for file in kept
        }

    @property
    def artifacts(self) -> Path:
        return self.home / "var" / "artifacts" / "spec_workflows"

    # --- inside

    def _worker(self) -> tuple[str, ...]:
        without = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO")
        return (*worker("orchestrator.run,orchestrator.light"), *without)

    def _start_services(self) -> None:
        for service in self.services.values():
            service.workspace.mkdir(parents=True)
            if service.sort is NESTED:
                (service.workspace / "deps").symlink_to(self.folder / "outside")
            environment = service.place.venvs / "1"
            venv.create(environment, symlinks=True)
            service.place.current.symlink_to("venvs/1")
            service.put_back()
        ports = {name: service.port for name, service in self.services.items()}
        configure(self.home, service_programs(load_settings(self.home, {}), {"PATH": os.environ["PATH"]}, ports))
        supervisord = launch(self.home, attached=True)
        self._stack.callback(lambda: supervisord.wait(30))
        self._stack.callback(stop_supervised, self.home)
        self.supervisor = Supervisor(self.home)
        until(self.supervisor.answers, seconds=30, what="the supervisor answers")
        self.supervisor.start(self.services["sound0"].place.program)

    def _learn_secrets(self) -> None:
        self.admin = (self.home / "var" / "admin.key").read_text().strip()
        self.secrets |= {
            "admin key": self.admin,
            "signing key": (self.home / "var" / "signing.key").read_text().strip(),
            "database password": self.postgres.url.partition("://")[2].partition(":")[2].partition("@")[0],
        }
        self.keys = {"admin": self.admin, **{name: self.add_key(name, *roles) for name, roles in PEOPLE.items()}}

    def _note(self, answer: httpx.Response) -> None:
        """Keep what was said to anybody, but for new keys, which are said once."""
        self.answered[answer.status_code] += 1
        with suppress(httpx.HTTPError):
            answer.read()
        if answer.request.url.path == "/keys" and answer.status_code == 201:
            return
        with self.said.open("a", errors="replace") as file:
            json.dump([answer.request.url.path, dict(answer.headers), answer.text], file)
            file.write("\n")
