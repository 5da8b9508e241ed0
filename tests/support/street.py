"""A street of services over a real PostgreSQL and real files, watched: who does what to a service, and with what right.

What is looked at is asked in plain SQL and counted anew, never by the code that is to be checked.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from moonmind.config.settings import load_settings
from moonmind.engine.lease import Heartbeat
from moonmind.engine.reaper import Reaper
from moonmind.schemas.workflow_models import ServiceState, StepName
from moonmind.workflows.orchestrator import attempt
from moonmind.workflows.orchestrator.approval_gates import keep_configured_gates
from moonmind.workflows.orchestrator.bootstrap import make_delivery
from moonmind.workflows.orchestrator.gates import Approver
from moonmind.workflows.orchestrator.metrics import NullMetrics
from moonmind.workflows.orchestrator.planners.rules import RULES
from moonmind.workflows.orchestrator.ports import Command, CommandResult, Execute, PreImage, RestorePoint
from moonmind.workflows.orchestrator.repositories import JOBS, ClaimedRun, RunStore
from moonmind.workflows.orchestrator.run_rows import wakeup_for
from moonmind.workflows.orchestrator.service_profiles import ServiceCatalog
from moonmind.workflows.orchestrator.storage import DiskArtifactStore
from moonmind.workflows.orchestrator.toolbox import Toolbox
from moonmind.workflows.orchestrator.use_cases import RunRequest, execute_step, submit_run
from moonmind.workflows.orchestrator.workspace import LocalWorkspace
from tests.fakes.clock import SkippingClock
from tests.fakes.index import FakePackageIndex, release
from tests.fakes.keys import HOUSE_KEY
from tests.fakes.knowledge import knowledge
from tests.fakes.runtime import FakeRuntime, always_healthy

GROUPS = {"shop": "front", "till": "front", "depot": "back", "archive": "back"}
"""Services and their lock groups."""
POLICIES = {
    "shop": '{requirement = "none"}',
    "till": '{requirement = "pre-run"}',
    "depot": '{requirement = "pre-verify"}',
    "archive": '{requirement = "pre-run", required_approvals = 2, self_approval = true}',
}
ROLES = {"kim": {"operator"}, "ann": {"approver", "operator"}, "ben": {"approver"}, "eve": {"viewer"}, "ada": {"admin"}}
"""People and the roles that their keys give."""
PEOPLE = {name: Approver(name, frozenset(roles)) for name, roles in ROLES.items()}
FORWARD = ["analyze", "patch", "build", "restart", "verify"]
STEPS = [*FORWARD, "rollback"]
STEPS = [*FORWARD, "rollback"]
FIRST_EFFECTS = ("patch.before_write", "build.before", "restart.before", "verify.before")
"""Instants before what a step does to a service or says about it."""
BROKEN = b"# what it needs\nflask>=3\n"
ASK = Command(("service",), quiet=True)

SERVICE = """
[services.{name}]
runtime = "process"
workspace = "{name}"
allow = ["requirements.txt"]
verify_successes = 2
lock_group = "{group}"
approval = {policy}
process = {{ command = ["python", "app.py"], health = [{{ http = "http://127.0.0.1:{{port}}/health" }}] }}
"""


class DiedError(BaseException):
    """The worker is gone: nothing of it runs any more."""


@dataclass
class Deeds:
    """What a run did to its service. `before`: the file and the image as the run found them when it first changed
    them; `theirs`: somebody changed the file after the run wrote it, and before the run put it back."""

    before: bytes | None = None
    image: str | None = None
    written: set[bytes] = field(default_factory=set)
    done: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    theirs: bool = False
    since: int | None = None
    put_back: int = -1


@dataclass
class Street:
    """One installation with four services in two lock groups. `look` is called after, and `at` in the middle of, what
    is done; `trouble` happens at the instant that it names, once."""

    home: Path
    database: Engine
    look: Callable[[], None]
    trouble: tuple[str, Callable[[], None]] | None = None
    harmed: bool = False
    working: list[ClaimedRun] = field(default_factory=list)
    claiming: list[dict[str, Any]] = field(default_factory=list)
    deeds: dict[UUID, Deeds] = field(default_factory=lambda: defaultdict(Deeds))
    disturbed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(GROUPS, 0))
    wrongs: list[str] = field(default_factory=list)
    pending: list[tuple[list[str], dict[str, Any]]] = field(default_factory=list)
    delivered: list[tuple[list[str], dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        tables = [SERVICE.format(name=name, group=group, policy=POLICIES[name]) for name, group in GROUPS.items()]
        (self.home / "config.toml").write_text("".join(tables))
        self.runtimes = {name: self._make_service(name) for name in GROUPS}
        self.watcher = self.database.connect().execution_options(isolation_level="AUTOCOMMIT")
        self.numbers, self.ids = itertools.count(1), itertools.count(1)
        settings = load_settings(self.home, {})
        catalog = ServiceCatalog(self.home, settings.services)
        self.tools = Toolbox(
            store=RunStore(self.database, HOUSE_KEY),
            catalog=catalog,
            artifacts=DiskArtifactStore(settings.artifact_root, 1_000_000),
            runner=_NoCommands(),
            knowledge=knowledge(
                FakePackageIndex(
                    release("python-dateutil", "2.9.0", modules=("dateutil", "dateutil.parser")),
                    release("pyyaml", "6.0.2", modules=("yaml",)),
                )
            ),
            planners_of=lambda name: (RULES,),
            probe=always_healthy,
            metrics=NullMetrics(),
            runtime_of=self.runtimes.__getitem__,
            workspace_of=lambda name: WatchedWorkspace(catalog.workspace(name), self),
            delivery_of=lambda name: make_delivery(catalog, name),
            locks=self.home / "var" / "locks",
            owner="worker 1",
            queue="q",
            lease=600,
            step_attempts=3,
            signer=HOUSE_KEY,
            clock=SkippingClock(),
        )
        keep_configured_gates(self.tools)

    def _make_service(self, name: str) -> WatchedRuntime:
        folder = self.home / name
        folder.mkdir()
        (folder / "app.py").write_text("import flask\nimport dateutil\n")
        manifest = folder / "requirements.txt"
        manifest.write_bytes(BROKEN)
        return WatchedRuntime(manifest, street=self)

    # --- what people and machines do ----------------------------------------------------------------------

    def submit(self, service: str, instruction: str, by: str, **rest: Any) -> UUID:
        return submit_run(self.tools, RunRequest(instruction, service, **rest), by, self.new_id)

    def dispatch(self) -> None:
        """What the dispatchers do: every message of the outbox is with the broker now."""
        rows = self.rows("DELETE FROM outbox RETURNING id, tasks, payload")
        self.pending += [(row["tasks"], row["payload"]) for row in sorted(rows, key=lambda row: row["id"])]

    def deliver(self, message: tuple[list[str], dict[str, Any]]) -> None:
        """One task, to whichever worker; the rest of its chain is a message of its own when the task succeeds."""
        (task, *rest), payload = message
        self.delivered.append(message)
        if task.removeprefix("orchestrator.") not in STEPS:
            return
        if task.removeprefix("orchestrator.") not in STEPS:
            return
        tools = replace(self.tools, owner=f"worker {next(self.numbers) % 3}")
        (run,) = self.rows("SELECT * FROM orchestrator_runs WHERE id = :id", id=payload["id"])
        self.claiming.append({**run, "asked": payload["epoch"], "owner": tools.owner})
        step = StepName(task.removeprefix("orchestrator."))
        try:
            if execute_step(tools, UUID(payload["id"]), payload["epoch"], step, "task") and rest:
                self.pending.append((rest, payload))
        except (DiedError, OperationalError):
            self.harmed = True
        finally:
            self.claiming.pop()
        self.look()

    def deliver_all(self) -> None:
        self.dispatch()
        while self.pending:
            self.deliver(self.pending.pop(0))
            self.dispatch()

    def lapse(self) -> None:
        """Every worker fell silent, as far as the leases say."""
        self.harmed = True
        self.sql("UPDATE orchestrator_runs SET lease_expires_at = now() - interval '1 s' WHERE lease_owner IS NOT NULL")

    def reap(self, patience: float = 0) -> int:
        # What is asked anew for ended runs depends on the time, which a machine that is replayed must not.
        return Reaper(self.database, JOBS, wakeup_for, lambda *_: [], interval=1, patience=patience).sweep()

    def edit(self, service: str, *, deploy: bool = False) -> None:
        """Somebody breaks a service anew: in its file, and with `deploy` in what runs too."""
        self.look()
        runtime = self.runtimes[service]
        runtime.manifest.write_bytes(BROKEN + b"# theirs, number %d\n" % next(self.numbers))
        if deploy:
            runtime.image = runtime.running = runtime.manifest.read_text()
        self.disturbed[service] += 1
        for run in self.rows("SELECT id FROM orchestrator_runs WHERE target_service = :service", service=service):
            deeds = self.deeds[run["id"]]
            deeds.theirs = deeds.theirs or ("write" in deeds.done and "restore" not in deeds.done)

    def set_away(self, away: bool) -> None:
        """Whether the engine of all services is out of reach."""
        self.harmed = True
        for service, runtime in self.runtimes.items():
            runtime.away = away
            self.disturbed[service] += 1

    def new_id(self) -> UUID:
        return UUID(int=next(self.ids))

    def calm(self) -> None:
        """Nothing goes wrong any more."""
        self.trouble = None
        for runtime in self.runtimes.values():
            runtime.away = False
            runtime.fails.clear()

    # --- watching -----------------------------------------------------------------------------------------

    def sql(self, statement: str, **values: Any) -> None:
        self.watcher.execute(text(statement), values)

    def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in self.watcher.execute(text(query), values).mappings()]

    def perform(self, tools: Toolbox, claimed: ClaimedRun, heartbeat: Heartbeat) -> attempt.AttemptResult:
        """In the place of `attempt.perform`: the same, and it is known who works."""
        with self._as(claimed):
            done = attempt.perform(tools, claimed, heartbeat)
            self.at("perform.done")
        return done

    @contextmanager
    def _as(self, claimed: ClaimedRun) -> Iterator[None]:
        deeds = self.deeds[claimed.run.id]
        if deeds.since is None:
            deeds.since = self.disturbed[claimed.run.target_service]
        self.working.append(claimed)
        try:
            yield
        finally:
            self.working.pop()

    def at(self, instant: str) -> None:
        """In the place of `failpoints.hit`."""
        if instant == "claim.after_commit":
            self._check_turn(self.claiming[-1])
        if instant in FIRST_EFFECTS:
            self._check_gate(instant)
        if self.trouble is not None and self.trouble[0] == instant:
            happen, self.trouble = self.trouble[1], None
            try:
                happen()
            except AssertionError as error:
                self.check(False, str(error))

    def check(self, holds: object, wrong: str) -> None:
        """Kept until somebody looks: an error within a step would only make the step fail."""
        if not holds:
            self.wrongs.append(wrong)

    def did(self, what: str) -> None:
        """The worker in whose name this happens must own the run now, and may not touch what is only looked at."""
        claim, run = self.working[-1].claim, self.working[-1].run
        (row,) = self.rows("SELECT * FROM orchestrator_runs WHERE id = :id", id=run.id)
        owner = (row["epoch"], row["lease_owner"], row["next_step"], row["status"], row["holds_lock"])
        claimed = (claim.epoch, claim.owner, claim.step, "running", True)
        self.check(owner == claimed, f"{what} by {claimed}, but the run is {owner}")
        self.check(not run.dry_run, f"{what} in a dry run")
        self.deeds[run.id].done.append(what)

    def did_write(self, service: str, what: str, old: bytes | None, new: bytes | None) -> None:
        """Only the planned bytes over the known ones, and back."""
        claimed = self.working[-1]
        self.did(what)
        deeds = self._deeds_of(claimed)
        (change,) = claimed.plan.changes
        if what == "write":
            self._check_gate("write")
            deeds.before = old if deeds.before is None else deeds.before
            known = {sha256(deeds.before or b""), sha256(new or b"")}
            self.check(known == {change.before_sha256, change.after_sha256}, f"{what} of {new!r} over {old!r}")
            self.check(old in {deeds.before, *deeds.written}, f"{what} over {old!r}, which is not the run's")
            deeds.written.add(new or b"")
        else:
            self.check(old in deeds.written, f"{what} of {new!r} over {old!r}")
            self.check(new == deeds.before, f"put back {new!r}, but it was {deeds.before!r}")
            deeds.put_back = self.disturbed[service]

    def _deeds_of(self, claimed: ClaimedRun) -> Deeds:
        """Those of the run; a retried rollback undoes those of its predecessor."""
        deeds = self.deeds[claimed.run.id]
        if claimed.run.start_step is StepName.ROLLBACK and deeds.before is None:
            (row,) = self.rows("SELECT retried_from FROM orchestrator_runs WHERE id = :id", id=claimed.run.id)
            deeds.before = self.deeds[row["retried_from"]].before
            deeds.written = self.deeds[row["retried_from"]].written
        return deeds

    def _check_turn(self, claimed: dict[str, Any]) -> None:
        """A claim names the run's epoch and finds nobody there; and whoever gets the lock of a group by it had the best
        right: the highest priority, then the longest wait."""
        (now,) = self.rows("SELECT lease_owner, attempt FROM orchestrator_runs WHERE id = :id", id=claimed["id"])
        if (now["lease_owner"], now["attempt"]) != (claimed["owner"], claimed["attempt"] + 1):
            return  # there was nothing to claim
        was = (claimed["epoch"], claimed["lease_owner"])
        self.check(was == (claimed["asked"], None), f"claimed with epoch {claimed['asked']}, but the run was {was}")
        query = (
            "SELECT other.id FROM orchestrator_runs other JOIN orchestrator_runs mine USING (lock_group) "
            "WHERE mine.id = :id "
            "AND other.status IN ('pending', 'running') AND other.id <> mine.id "
            "AND (-other.priority, other.queued_at, other.id) < (-mine.priority, mine.queued_at, mine.id)"
        )
        better = [] if claimed["holds_lock"] else self.rows(query, id=claimed["id"])
        self.check(not better, f"{claimed['id']} went first, but it was the turn of {better}")

    def _check_gate(self, instant: str) -> None:
        claimed = self.working[-1]
        run, step = claimed.run, claimed.claim.step
        gates = self.rows("SELECT * FROM approval_gates WHERE service = :service", service=run.target_service)
        if not gates or step != guarded(gates[0]["requirement"], run.start_step):
            return
        if gates[0]["requirement"] == "pre-run" and run.progress.get("begun") == claimed.plan.digest:
            return  # this very plan had passed the gate before a worker fell silent
        answers = self.rows(
            "SELECT approver, role, decision FROM approvals WHERE subject_id = :run AND plan_digest = :digest "
            "AND revoked_at IS NULL AND expires_at > clock_timestamp()",
            run=run.id,
            digest=claimed.plan.digest,
        )
        counted = [answer for answer in answers if may_answer(gates[0], answer, run.requester)]
        agreed = {answer["approver"] for answer in counted if answer["decision"] == "approve"}
        enough = len(agreed) >= gates[0]["required_approvals"] and len(agreed) == len(counted)
        self.check(enough, f"{instant} with the word of {agreed or 'nobody'} at {gates[0]['requirement']}")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def guarded(requirement: str, start: str) -> str | None:
    """The step before which people must agree."""
    if requirement == "none" or start == "rollback":
        return None
    return "verify" if requirement == "pre-verify" else max("patch", start, key=FORWARD.index)


def may_answer(gate: dict[str, Any], answer: dict[str, Any], requester: str) -> bool:
    """Whether the policy lets this person's answer count."""
    roles = ROLES[answer["approver"]]
    holds = answer["role"] in roles or "admin" in roles
    return (
        holds
        and answer["role"] in gate["approver_roles"]
        and (gate["self_approval"] or answer["approver"] != requester)
    )


class _NoCommands:
    """Runs nothing: the services of the street live in fields."""

    def run(self, command: Command, **rest: Any) -> CommandResult:
        return CommandResult(0, "")


@dataclass
class WatchedRuntime(FakeRuntime):
    """Its effects, like a real one's, go through the gate for commands."""

    street: Street = field(kw_only=True)

    @property
    def name(self) -> str:
        return self.manifest.parent.name

    def observe(self, execute: Execute) -> ServiceState:
        execute(ASK)
        state = super().observe(execute)
        claimed = self.street.working[-1]
        self.street.deeds[claimed.run.id].seen.append(f"{claimed.claim.step} {state.status}")
        return state

    def build(self, execute: Execute) -> None:
        execute(ASK)
        image = self.image
        super().build(execute)
        deeds = self.street.deeds[self.street.working[-1].run.id]
        deeds.image = image if deeds.image is None else deeds.image
        self.street.did("build")

    def restart(self, execute: Execute) -> None:
        execute(ASK)
        super().restart(execute)
        self.street.did("restart")

    def restore(self, execute: Execute, point: RestorePoint) -> bool:
        execute(ASK)
        there_was_one = super().restore(execute, point)
        self.street.did("restore build")
        return there_was_one


class WatchedWorkspace(LocalWorkspace):
    """Tells what changed."""

    def __init__(self, root: Path, street: Street) -> None:
        super().__init__(root)
        self.name, self.street = root.name, street

    def write(self, path: str, content: bytes, *, expect_sha256: str | None) -> None:
        with self._telling("write", path):
            super().write(path, content, expect_sha256=expect_sha256)

    def restore(self, path: str, image: PreImage | None, *, expect_sha256: str | None) -> None:
        with self._telling("restore", path):
            super().restore(path, image, expect_sha256=expect_sha256)

    @contextmanager
    def _telling(self, what: str, path: str) -> Iterator[None]:
        old = self.read(path)
        yield
        if (new := self.read(path)) != old:
            self.street.did_write(self.name, what, old, new)
