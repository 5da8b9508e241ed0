"""One installation, one service, one worker: a real PostgreSQL, real files, a service and an index that are fakes."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from moonmind.config.settings import load_settings
from moonmind.engine.reaper import Reaper
from moonmind.schemas.workflow_models import StepName
from moonmind.workflows.orchestrator import read_models
from moonmind.workflows.orchestrator.approval_gates import keep_configured_gates
from moonmind.workflows.orchestrator.bootstrap import evidence_key, make_delivery
from moonmind.workflows.orchestrator.command_runner import SubprocessRunner
from moonmind.workflows.orchestrator.metrics import NullMetrics
from moonmind.workflows.orchestrator.planners.rules import RULES
from moonmind.workflows.orchestrator.repositories import JOBS, RunStore
from moonmind.workflows.orchestrator.run_rows import ask_for_tidying, wakeup_for
from moonmind.workflows.orchestrator.serializers import run_detail
from moonmind.workflows.orchestrator.service_profiles import ServiceCatalog
from moonmind.workflows.orchestrator.storage import DiskArtifactStore
from moonmind.workflows.orchestrator.toolbox import Toolbox
from moonmind.workflows.orchestrator.use_cases import RunRequest, do_task, execute_step, submit_run
from moonmind.workflows.orchestrator.workspace import LocalWorkspace
from tests.fakes.clock import SkippingClock
from tests.fakes.index import FakePackageIndex, release
from tests.fakes.knowledge import knowledge
from tests.fakes.runtime import FakeRuntime, always_healthy

CONFIG = """
[services.shop]
runtime = "process"
workspace = "shop"
allow = ["requirements.txt"]
verify_successes = 2
timeouts = { verify = 2, rollback = 4 }
process = { command = ["python", "app.py"], health = [{ http = "http://127.0.0.1:{port}/health" }] }
"""
BROKEN = b"# what the shop needs\nflask>=3\n"
STEPS = ["analyze", "patch", "build", "restart", "verify"]


class House:
    """One installation with one service, and one worker."""

    def __init__(self, home: Path, database: Engine, *, approval: str = "") -> None:
        (home / "config.toml").write_text(CONFIG + (f"approval = {approval}\n" if approval else ""))
        self.home, self.database = home, database
        self.shop = home / "shop"
        self.shop.mkdir()
        (self.shop / "app.py").write_text("import flask\nimport dateutil\n")
        self.manifest = self.shop / "requirements.txt"
        self.manifest.write_bytes(BROKEN)
        self.runtime = FakeRuntime(self.manifest)
        self.restart()

    def restart(self) -> None:
        """Read `config.toml` anew, as a process does that starts."""
        self.tools = self.make_tools()
        keep_configured_gates(self.tools)

    def make_tools(self) -> Toolbox:
        settings = load_settings(self.home, {})
        catalog, signer = ServiceCatalog(self.home, settings.services), evidence_key(settings.var)
        return Toolbox(
            store=RunStore(self.database, signer),
            catalog=catalog,
            artifacts=DiskArtifactStore(settings.artifact_root, 1_000_000),
            runner=SubprocessRunner({}),
            knowledge=knowledge(
                FakePackageIndex(release("python-dateutil", "2.9.0", modules=("dateutil", "dateutil.parser")))
            ),
            planners_of=lambda name: (RULES,),
            probe=always_healthy,
            metrics=NullMetrics(),
            runtime_of=lambda name: self.runtime,
            workspace_of=lambda name: LocalWorkspace(catalog.workspace(name)),
            delivery_of=lambda name: make_delivery(catalog, name),
            locks=self.home / "var" / "locks",
            owner="worker",
            queue="q",
            lease=30,
            step_attempts=3,
            signer=signer,
            clock=SkippingClock(),
        )

    def submit(self, instruction: str = "fix the missing dependency", *, by: str = "kim", **rest: Any) -> UUID:
        return submit_run(self.tools, RunRequest(instruction, "shop", **rest), by, uuid.uuid4)

    def step(self, run: UUID, name: str, epoch: int = 1) -> bool:
        return execute_step(self.tools, run, epoch, StepName(name), "task")

    def deliver(self) -> None:
        """What dispatcher and workers do: take messages, walk their chains, until there is none."""
        while messages := self.take_messages():
            for tasks, payload in messages:
                for task in tasks:
                    name = task.removeprefix("orchestrator.")
                    if not do_task(self.tools, name, UUID(payload["id"]), payload["epoch"], "task"):
                        break

    def reap(self) -> int:
        return Reaper(self.database, JOBS, wakeup_for, ask_for_tidying, interval=1, patience=0).sweep()

    def lapse(self) -> None:
        with self.database.begin() as connection:
            connection.execute(text("UPDATE orchestrator_runs SET lease_expires_at = now() - interval '1 second'"))

    def detail(self, run: UUID) -> dict[str, Any]:
        with self.database.connect() as connection:
            rows = read_models.find_run(connection, run)
        assert rows
        return run_detail(rows.run, rows.plan, rows.steps, rows.artifacts, rows.approvals, rows.gate, rows.now)

    def events(self, run: UUID, kind: str | None = None) -> list[dict[str, Any]]:
        """What is on the run's record, in order."""
        query = text("SELECT kind, actor, payload FROM run_events WHERE subject_id = :run ORDER BY sequence")
        with self.database.connect() as connection:
            rows = [dict(row) for row in connection.execute(query, {"run": run}).mappings()]
        return [row for row in rows if kind in (None, row["kind"])]

    def files(self, run: UUID) -> dict[str, bytes]:
        folder = self.home / "var" / "artifacts" / "spec_workflows" / str(run)
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def take_messages(self) -> list[tuple[list[str], dict[str, Any]]]:
        with self.database.begin() as connection:
            rows = connection.execute(text("DELETE FROM outbox RETURNING id, tasks, payload")).all()
        return [(row.tasks, row.payload) for row in sorted(rows)]


def statuses(detail: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["status"] for step in detail["steps"]}
