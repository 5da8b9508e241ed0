"""One installation with one service, which gets each set in turn: PostgreSQL, supervisord, the use cases and all their
adapters as they are in use. Messages are carried to the tasks in this process, as a worker's chain does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.processes import BenchError, until
from sqlalchemy import Engine, text

from moonmind.config.places import ServicePlace
from moonmind.config.settings import Settings, load_settings
from moonmind.embedded.postgres import Postgres
from moonmind.embedded.programs import service_programs
from moonmind.embedded.sockets import free_port
from moonmind.embedded.stack import stop
from moonmind.embedded.supervisor import Supervisor, configure, launch
from moonmind.schemas.workflow_models import RunStatus
from moonmind.workflows.orchestrator import read_models
from moonmind.workflows.orchestrator.approval_gates import keep_configured_gates
from moonmind.workflows.orchestrator.bootstrap import make_database, make_toolbox
from moonmind.workflows.orchestrator.local_services import prepare_service
from moonmind.workflows.orchestrator.toolbox import Toolbox
from moonmind.workflows.orchestrator.use_cases import RunRequest, do_task, submit_run

from .environments import Environments, importable
from .scoring import Outcome
from .service import write_service
from .sets import ImportSet

ROOT = Path(__file__).parents[2]
SERVICE = "shop"
INSTRUCTION = "fix the missing dependency"
SET_SECONDS = 600.0
"""After which a run counts as not repaired; steps have time-outs of their own."""
CONFIG = """\
[services.shop]
runtime = "process"
workspace = "shop"
allow = ["requirements.txt"]
verify_successes = 2
timeouts = { analyze = 180, build = 300, verify = 60, rollback = 90 }
[services.shop.process]
command = ["python", "app.py"]
port = %d
health = [{ http = "http://127.0.0.1:{port}/" }]
"""
SUPERVISOR_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class House:
    """It runs; `home` holds everything of it."""

    home: Path
    settings: Settings
    database: Engine
    tools: Toolbox
    environments: Environments

    def repair(self, one: ImportSet) -> Outcome:
        """One fix run over the service of this set. The seconds are from the request to the run's end.

        What a run that succeeded added is checked in the service's own environment. A run that was rolled back has
        none any more (another import may have had no package): what its last plan adds is installed elsewhere.
        """
        self._break(one)
        began = time.monotonic()
        run = submit_run(self.tools, RunRequest(INSTRUCTION, SERVICE), "bench", uuid.uuid4)
        self._work(lambda: time.monotonic() - began > SET_SECONDS)
        seconds = time.monotonic() - began
        status, plan, reason = self._ended(run)
        added = tuple(edit["name"] for edit in plan["edits"] if edit["kind"] == "requirement_add")
        python = self._place.current / "bin" / "python"
        note = "" if status == RunStatus.SUCCEEDED else f"{status}: {reason}"
        if status == RunStatus.SUCCEEDED:
            works = importable(python, one.importable, self.home / "nowhere")
        else:
            works, note = self._elsewhere(one, added, note)
        return Outcome(added, works, seconds, plan["version"] - 1, note)

    def _break(self, one: ImportSet) -> None:
        """The service anew, with nothing of the set before, deployed and failing."""
        shutil.rmtree(self._place.venvs, ignore_errors=True)
        self._place.current.unlink(missing_ok=True)
        write_service(self.home / SERVICE, one.imports)
        prepare_service(self.settings, SERVICE, lambda said: None, rebuild=True)
        until(self._complains, seconds=SUPERVISOR_SECONDS, what=f"{one.id}: the service says what it lacks")

    def _complains(self) -> bool:
        log = self._place.log
        return log.is_file() and "Error: " in log.read_text("utf-8", "replace")

    def _work(self, over: Callable[[], bool]) -> None:
        """Take messages and walk their chains until there is none, or it is over."""
        while not over() and (messages := self._messages()):
            for tasks, payload in messages:
                for task in tasks:
                    name = task.removeprefix("orchestrator.")
                    if over() or not do_task(self.tools, name, UUID(payload["id"]), payload["epoch"], "bench"):
                        break

    def _messages(self) -> list[tuple[list[str], dict[str, Any]]]:
        with self.database.begin() as connection:
            rows = connection.execute(text("DELETE FROM outbox RETURNING id, tasks, payload")).all()
        return [(row.tasks, row.payload) for row in sorted(rows)]

    def _ended(self, run: UUID) -> tuple[str, Mapping[str, Any], str]:
        """Its status, its last plan, and why it failed."""
        with self.database.connect() as connection:
            rows = read_models.find_run(connection, run)
        assert rows is not None
        assert rows.plan is not None
        return str(rows.run["status"]), rows.plan, f"{rows.run['failure_code']}: {rows.run['failure_reason']}"

    def _elsewhere(self, one: ImportSet, added: tuple[str, ...], note: str) -> tuple[frozenset[str], str]:
        folder = self.home / "elsewhere"
        shutil.rmtree(folder, ignore_errors=True)
        python = self.environments.make(folder)
        refused = self.environments.install(python, added)
        works = importable(python, one.importable, self.home / "nowhere")
        return works, f"{note}; {refused}" if refused else note

    @property
    def _place(self) -> ServicePlace:
        return ServicePlace(self.home, SERVICE)


@contextmanager
def house(home: Path, environments: Environments) -> Iterator[House]:
    """Everything that a run needs, for the length of a block. The environment of this process says which index counts:
    set it before. Raises BenchError."""
    home.mkdir(parents=True)
    (home / SERVICE).mkdir()
    (home / "config.toml").write_text(CONFIG % free_port(), "utf-8")
    with ExitStack() as stack:
        url = stack.enter_context(_database(home / "postgres"))
        settings = load_settings(home, {"MOONMIND_DATABASE__URL": url})
        engine = make_database(settings)
        stack.callback(engine.dispose)
        stack.enter_context(_supervised(settings))
        tools = make_toolbox(settings, engine)
        keep_configured_gates(tools)
        yield House(home, settings, engine, tools, environments)


@contextmanager
def _database(folder: Path) -> Iterator[str]:
    server = Postgres(folder, durable=False)
    server.start()
    try:
        argv = (sys.executable, "-m", "alembic", "-c", str(ROOT / "alembic.ini"), "upgrade", "head")
        env = {**os.environ, "MOONMIND_DATABASE__URL": server.url, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(argv, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"the migrations failed:\n{done.stderr[-2000:]}")
        yield server.url
    finally:
        server.stop()


@contextmanager
def _supervised(settings: Settings) -> Iterator[None]:
    """supervisord with the one service."""
    profile = settings.services[SERVICE].process
    assert profile is not None
    ServicePlace(settings.home, SERVICE).folder.mkdir(parents=True)
    configure(settings.home, service_programs(settings, os.environ, {SERVICE: profile.port}))
    child = launch(settings.home, attached=True)
    try:
        until(Supervisor(settings.home).answers, seconds=SUPERVISOR_SECONDS, what="supervisord answers")
        yield
    finally:
        stop(settings.home)
        child.wait(SUPERVISOR_SECONDS)
