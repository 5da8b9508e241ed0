"""A rig: PostgreSQL, RabbitMQ, a package index, a supervisor with services, the API, and workers, each a real process.

A rig is used by one fault after another; `mend` makes it whole again in between.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

from moonmind.config.settings import Settings, load_settings
from moonmind.embedded.postgres import Postgres
from moonmind.embedded.programs import MARK, service_programs
from moonmind.embedded.stack import stop as stop_supervised
from moonmind.embedded.supervisor import Supervisor, configure, launch
from moonmind.engine.group_lock import MARK as LOCK_MARK
from tests.faults.broker import Broker
from tests.faults.clock import Clock
from tests.faults.containers import Box
from tests.faults.index import Index
from tests.faults.processes import Nursery, Process, execute, until
from tests.faults.relay import Relay
from tests.faults.services import SORTS, Service, Sort
from tests.servers import ROOT, api, free_port

LEASE_SECONDS = 3
REAPER_SECONDS = 0.3
QUEUE, LIGHT = "orchestrator.run", "orchestrator.light"
CONFIG = f"""\
[orchestrator]
lease_seconds = {LEASE_SECONDS}
reaper_seconds = {REAPER_SECONDS}
log_limit = 1048576
"""
BOXES = {"box": "analyze = 12, rollback = 20", "brief": "analyze = 20, build = 3, rollback = 20"}
"""Services in containers, with their time-outs."""
PEOPLE = ("ann", "ben")
"""Who may approve."""
ENGINE = Path("/var/run/docker.sock")
OWN_PREFIXES = ("MOONMIND_", "PIP_", "PYTHON", "DOCKER_")
"""Of this suite's environment, what no process of a rig shall know."""


class Rig:
    """`folder` is its own; `project` names its containers."""

    def __init__(self, folder: Path, project: str, sorts: Mapping[str, Sort] = SORTS) -> None:
        self.folder, self.project, self.sorts = folder, project, sorts
        self.home, self.trace = folder / "home", folder / "trace"
        self.log = folder / "log"
        self.workers: list[Process] = []
        self.touched = set(sorts)
        self.accepted = 0
        self._database: psycopg.Connection[tuple[Any, ...]] | None = None
        self._numbers = itertools.count(1)

    # --- up and down

    def start(self) -> None:
        (self.home / "work").mkdir(parents=True)
        self.log.mkdir()
        self.services = {name: Service(self.home, name, sort, free_port()) for name, sort in self.sorts.items()}
        self.boxes = {name: Box(self.home, name, f"{self.project}-{name}", free_port(), t) for name, t in BOXES.items()}
        tables = "\n".join(service.config() for service in (*self.services.values(), *self.boxes.values()))
        (self.home / "config.toml").write_text(f"{CONFIG}\n{tables}")
        self.broker, self.index = Broker(self.project), Index()
        self.broker.start()
        self.docker = Relay(self.folder / "docker.sock", ENGINE)
        self.nursery = Nursery(self._plain(), self.log / "nursery.log")
        self.postgres, self.clock = Postgres(self.folder / "postgres"), Clock(self.folder, "the database's")
        self.start_postgres()
        self._migrate()
        self._start_supervisor()
        self.nursery.wait_ready()
        self.broker.wait_ready()
        self.port = free_port()
        self.start_api()
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30, trust_env=False)
        key = (self.home / "var" / "admin.key").read_text().strip()
        self._client.headers["Authorization"] = f"Bearer {key}"
        self.keys = {name: self._new_key(name) for name in PEOPLE}
        self.worker()  # declares the queues
        self.broker.settle()
        self.mend()

    def stop(self) -> None:
        """End everything, whatever state it is in."""
        steps: list[Callable[[], object]] = [
            self.nursery.close,
            lambda: stop_supervised(self.home),
            lambda: self.supervisord.wait(30),
            self.end_children,
            self.postgres.stop,
            self.index.close,
            self.docker.close,
            *(box.remove for box in self.boxes.values()),
            self.broker.remove,
        ]
        for step in steps:
            with suppress(AttributeError):  # it had not come to that
                step()

    # --- what faults are made of

    def env(self, **more: str) -> dict[str, str]:
        """Of API and workers."""
        return {
            **self._plain(),
            "MOONMIND_HOME": str(self.home),
            "MOONMIND_DATABASE__URL": self.postgres.url,
            "MOONMIND_BROKER__URL": self.broker.url,
            "DOCKER_HOST": f"unix://{self.folder / 'docker.sock'}",
            MARK: str(self.home),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": self.index.url,
            "PIP_NO_CACHE_DIR": "1",
            "PIP_NO_COMPILE": "1",
            "PIP_RETRIES": "0",
            "NO_PROXY": "127.0.0.1",
            **more,
        }

    def start_api(self, **env: str) -> None:
        self.api = self.nursery.start(*api(self.port), env=self.env(**env), log=self.log / "api.log", name="the API")
        until(lambda: self._api_answers() or not self.api.alive, "the API answers")
        assert self.api.alive, (self.log / "api.log").read_text()[-2000:]

    def worker(self, failpoint: str = "", *, queues: str = QUEUE, plainly: bool = False, **env: str) -> Process:
        """A worker that is at work; `plainly` started by the interpreter and not from the nursery."""
        number = next(self._numbers)
        armed = {"MOONMIND_FAILPOINT": failpoint, "MOONMIND_FAILPOINT_TRACE": str(self.trace)} if failpoint else {}
        argv = (
            *("celery", "-A", "moonmind.workflows.orchestrator.tasks", "worker", "--pool", "threads"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"),
            *("--queues", queues, "--hostname", f"worker{number}@%h"),
        )
        log = self.log / f"worker{number}.log"
        start = execute if plainly else self.nursery.start
        worker = start(*argv, env=self.env(**armed, **env), log=log, name=f"worker {number}")
        self.workers.append(worker)
        until(lambda: _says_ready(log) or not worker.alive, f"{worker.name} is ready")
        return worker

    def submit(self, service: str, instruction: str = "fix the missing dependency", **headers: str) -> str:
        """The id of an accepted run."""
        answer = self.post(service, instruction, **headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["run_id"])

    def post(self, service: str, instruction: str, **headers: str) -> httpx.Response:
        """The request, whatever its answer. Each one that is accepted must be sent once."""
        self.touched.add(service)
        body = {"instruction": instruction, "target_service": service}
        answer = self._client.post("/orchestrator/runs", json=body, headers=headers)
        self.accepted += answer.status_code == 202
        return answer

    def call(self, method: str, path: str, *, by: str = "admin", **rest: Any) -> httpx.Response:
        """A request with somebody's key."""
        headers = {"Authorization": f"Bearer {self.keys[by]}"} if by != "admin" else {}
        return self._client.request(method, path, headers=headers, **rest)

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the database; empty while it is away."""
        try:
            if self._database is None:
                url = self.postgres.url.replace("+psycopg", "")
                self._database = psycopg.connect(url, autocommit=True, connect_timeout=5)
            return self._database.execute(query, values or None).fetchall()  # type: ignore[arg-type]
        except psycopg.OperationalError:
            self._database = None
            return []

    def box(self, name: str) -> Box:
        """A service in a container, broken as at the beginning."""
        self.boxes[name].put_back()
        return self.boxes[name]

    def wait_ended(self, *runs: str, seconds: float = 60) -> None:
        """Until every run has ended, and whatever was asked for has been sent."""
        over = "SELECT count(*) FROM orchestrator_runs WHERE completed_at IS NOT NULL AND id::text = ANY(%s)"
        for run in runs:
            until(lambda run=run: self.ask(over, [run]) == [(1,)], f"run {run} ends", seconds)
        until(lambda: self.ask("SELECT count(*) FROM outbox") == [(0,)], "the outbox is empty")

    def wait_step(self, run: str, step: str, attempt: int, state: str = "STARTED") -> None:
        query = "SELECT 1 FROM spec_workflow_task_states WHERE (run_id::text, step, attempt, state) = (%s, %s, %s, %s)"
        until(lambda: self.ask(query, run, step, attempt, state), f"{step} of {run}, attempt {attempt}, is {state}")

    def wait_hit(self, worker: Process, point: str, action: str) -> str:
        """Until the failpoint was reached, proven by its trace and by what became of the process."""
        line = f"{point} {action} {worker.pid}"
        broken = {"kill": lambda: not worker.alive, "stop": lambda: worker.stopped}[action]
        until(lambda: line in self.hits() or not worker.alive, f"{point} is reached by {worker.name}")
        assert line in self.hits(), f"{worker.name} ended without reaching {point}"
        until(broken, f"{worker.name} is broken at {point}")
        return line

    def hits(self) -> list[str]:
        return self.trace.read_text().splitlines() if self.trace.exists() else []

    def children(self) -> list[psutil.Process]:
        """The processes that steps have started, wherever they are."""
        return [process for process in psutil.process_iter() if _is_child(process, self.home)]

    def end_children(self) -> None:
        for process in self.children():
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def restarts(self, service: str) -> int:
        """How often the supervisor has started this service's program."""
        log = self.home / "var" / "supervisor" / "supervisord.log"
        return log.read_text().count(f"spawned: 'svc-{service}'")

    def start_postgres(self) -> None:
        """With a clock that can jump."""
        with self.clock.preloaded():
            self.postgres.start()

    def kill_postgres(self) -> None:
        """`kill -9` of the server and all its sessions."""
        pid = int((self.postgres.data / "postmaster.pid").read_text().split()[0])
        family = [psutil.Process(pid), *psutil.Process(pid).children()]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family)

    def mend(self) -> None:
        """Whole again, and idle: no worker, every service that was touched broken as at the beginning."""
        for worker in self.workers:
            worker.kill()
        self.workers.clear()
        self.trace.unlink(missing_ok=True)
        self.index.release()
        self.clock.set(0)
        self.broker.make_well()
        if not self.api.alive:
            self.start_api()
        self.docker.set("pass")
        for name in self.touched & set(self.services):
            self._put_back(self.services[name])
        self.touched.clear()
        self.index.installations = 0
        self.starts = {name: self.restarts(name) for name in self.services}

    def _put_back(self, service: Service) -> None:
        program = service.place.program
        if self.supervisor.state(program) not in ("STOPPED", "EXITED", "FATAL"):
            self.supervisor._call("stopProcess", program)
        service.put_back()
        if service.sort.healthy:
            self.supervisor.start(program)
            until(lambda: self.supervisor.state(program) == "RUNNING", f"{service.name} runs")

    def tell_where(self) -> None:
        """Have every worker write into its log where its threads stand."""
        for worker in self.workers:
            worker.send(signal.SIGUSR2)

    # --- inside

    def _plain(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith(OWN_PREFIXES)}

    def _new_key(self, owner: str) -> str:
        made = self._client.post("/keys", json={"owner": owner, "name": "faults", "roles": ["approver", "viewer"]})
        assert made.status_code == 201, made.text
        return str(made.json()["key"])

    def _migrate(self) -> None:
        argv = [sys.executable, "-m", "alembic", "upgrade", "head"]
        subprocess.run(argv, cwd=ROOT, env=self.env(), check=True, capture_output=True)

    def _start_supervisor(self) -> None:
        settings: Settings = load_settings(self.home, {})
        for service in self.services.values():
            service.workspace.mkdir()
            environment = service.place.venvs / "1"
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
            service.place.current.symlink_to("venvs/1")
        ports = {name: service.port for name, service in self.services.items()}
        configure(self.home, service_programs(settings, self._plain(), ports))
        self.supervisord = launch(self.home, attached=True)
        self.supervisor = Supervisor(self.home)
        until(self.supervisor.answers, "the supervisor answers")

    def _api_answers(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=5, trust_env=False).status_code == 200
        return False


def new_project() -> str:
    """A name for a rig's containers."""
    return f"mmfaults-{os.getpid()}-{uuid.uuid4().hex[:6]}"


def _says_ready(log: Path) -> bool:
    return log.exists() and " ready." in log.read_text(errors="replace")


def _is_child(process: psutil.Process, home: Path) -> bool:
    try:
        mark = process.environ().get(LOCK_MARK, "")
    except (psutil.Error, OSError):
        return False
    return mark.startswith(f"{home}/")
