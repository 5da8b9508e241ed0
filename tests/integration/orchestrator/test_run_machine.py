"""Random interleavings of what people, workers, the reaper and bad luck can do to runs, over a real PostgreSQL and real
files, against what a run promises: after each move, and once everything has come to rest.

`MOONMIND_EXAMPLES=2000` looks longer, each time elsewhere; without it the same few are tried each time.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, configuration, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from api_service.db.base import Base
from moonmind.engine import failpoints
from moonmind.engine.group_lock import GroupLock
from moonmind.engine.lease import Heartbeat
from moonmind.schemas.approvals import ApprovalGate
from moonmind.schemas.workflow_models import StepName
from moonmind.workflows.orchestrator import use_cases
from moonmind.workflows.orchestrator.approval_gates import put_gate
from moonmind.workflows.orchestrator.approvals import (
    ApprovalRefusedError,
    ApprovalRequest,
    ApprovalToken,
    answer_approval,
    issue_token,
    revoke_approval,
)
from moonmind.workflows.orchestrator.ports import StepFailedError
from moonmind.workflows.orchestrator.retry import NotResumableError, RetryRequest, RunNotOverError, retry_run
from moonmind.workflows.orchestrator.use_cases import RunOverError, cancel_run
from tests.fakes.runtime import MISSING
from tests.support.promises import OVER, Promises
from tests.support.street import FORWARD, GROUPS, PEOPLE, DiedError, Street

EXAMPLES = os.environ.get("MOONMIND_EXAMPLES")
MOST_RUNS = 7
ROUNDS = 30
"""Of lapsing, expiring, reaping and delivering, after which everything must have come to rest."""

INSTRUCTIONS = ("fix the missing dependency", "fix the missing dependency", "restart it", "rebuild it")
GATES = (
    ApprovalGate(),
    ApprovalGate(requirement="pre-run"),
    ApprovalGate(requirement="pre-verify", approver_roles=("approver", "operator")),
    ApprovalGate(requirement="pre-run", required_approvals=2, self_approval=True, approver_roles=("operator",)),
)
INSTANTS = (
    *("claim.after_commit", "claim.after_commit", "perform.done", "record.before_commit", "record.after_commit"),
    *("analyze.before_plan", "patch.before_write", "patch.after_write", "build.before", "build.after"),
    *("restart.before", "restart.after", "verify.before", "verify.after"),
    *("rollback.after_files", "rollback.after_build", "rollback.after_restart"),
)
"""Within the work on a step."""
TROUBLES = (
    "die",
    "die",
    "lose_database",
    "cancel_it",
    "lose_lease",
    "be_replaced",
    "expire_answers",
    "lose_engine",
    "edit_it",
)

WORLD = (
    "edited",
    "deployed",
    "helped",
    "hides more",
    "past help",
    "away",
    "back",
    "well",
    "check",
    "build",
    "restart",
    "restore",
)
"""What becomes of a service, by others; the last ones will fail."""

MORE = MISSING.replace("dateutil", "yaml")
"""What a service says once its first failure is repaired."""

WHICH = st.integers(0, 7)
"""One of those there are, counted around."""
RARELY = st.sampled_from([False, False, False, True])
SERVICE = st.sampled_from([*GROUPS, "till"])
PERSON = st.sampled_from(sorted(PEOPLE))


class RunMachine(RuleBasedStateMachine):
    """Its rules are moves; what must hold after each is in `Promises`."""

    database: ClassVar[Engine]
    current: ClassVar[RunMachine]

    def __init__(self) -> None:
        super().__init__()
        type(self).current = self
        self.home = Path(mkdtemp(prefix="street-"))
        empty(self.database)
        self.street = Street(self.home, self.database, lambda: self.promises.look())
        self.promises = Promises(self.street)
        self.tokens: list[tuple[UUID, ApprovalToken, str, str]] = []

    def teardown(self) -> None:
        try:
            if not self.promises.broken:
                self.come_to_rest()
        finally:
            self.street.watcher.close()
            shutil.rmtree(self.home)

    def come_to_rest(self) -> None:
        """Whatever happened: when nothing more goes wrong, every run ends by itself."""
        street = self.street
        street.calm()
        street.deliver_all()
        if not street.harmed:
            self.promises.nobody_waits_for_nothing()
        for _ in range(ROUNDS):
            street.lapse()
            self.expire_gates()
            street.reap()
            street.deliver_all()
            if self.promises.is_at_rest():
                return
        raise AssertionError(f"never at rest: {street.rows('SELECT * FROM orchestrator_runs WHERE next_step <> null')}")

    @invariant()
    def promises_hold(self) -> None:
        self.promises.look()

    # --- people -------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.runs()) < MOST_RUNS)
    @rule(service=SERVICE, what=st.sampled_from(INSTRUCTIONS), by=PERSON, urgent=RARELY, dry=RARELY, twice=RARELY)
    def submit(self, service: str, what: str, by: str, urgent: bool, dry: bool, twice: bool) -> None:
        asked = {"priority": "high" if urgent else "normal", "dry_run": dry, "idempotency_key": self.new_key()}
        if twice:  # who asked hears nothing, so it is sent again
            self.street.trouble = ("submit.after_commit", self.die)
            with pytest.raises(DiedError):
                self.street.submit(service, what, by, **asked)
        self.street.submit(service, what, by, **asked)
        (made,) = self.street.rows("SELECT count(*) FROM orchestrator_runs")
        assert made["count"] == len(self.runs()) + 1

    @precondition(lambda self: self.runs("awaiting_approval"))
    @rule(which=WHICH, by=PERSON, decision=st.sampled_from(["approve", "approve", "reject"]))
    def answer(self, which: int, by: str, decision: str) -> None:
        if self.ask_for_token(self.pick(self.runs("awaiting_approval"), which), by):
            self.answer_with(-1, self.tokens[-1][2], decision)

    @precondition(lambda self: self.runs("awaiting_approval"))
    @rule(which=WHICH)
    def everybody_approves(self, which: int) -> None:
        run = self.pick(self.runs("awaiting_approval"), which)
        for person in PEOPLE:
            if self.ask_for_token(run, person):
                self.answer_with(-1, person, "approve")

    def ask_for_token(self, run: UUID, by: str) -> bool:
        try:
            token = issue_token(self.street.tools, run, PEOPLE[by], 600)
        except ApprovalRefusedError:
            return False
        self.tokens.append((run, ApprovalToken(token.id), by, token.role))
        return True

    @precondition(lambda self: self.tokens)
    @rule(which=WHICH, by=PERSON, decision=st.sampled_from(["approve", "reject"]))
    def answer_with(self, which: int, by: str, decision: str) -> None:
        """With a token that may be used, out of date, or somebody else's."""
        run, token, _, role = self.pick(self.tokens, which)
        request = ApprovalRequest(by, role, token, decision)  # type: ignore[arg-type]
        with suppress(ApprovalRefusedError):
            answer_approval(self.street.tools, run, request, PEOPLE[by])

    @precondition(lambda self: self.runs("succeeded") and len(self.runs()) < MOST_RUNS)
    @rule(which=WHICH, approver=PERSON, by=PERSON)
    def submit_what_was_tried(self, which: int, approver: str, by: str) -> None:
        """With the word of somebody who saw the dry run."""
        run = self.pick(self.runs("succeeded"), which)
        if not self.ask_for_token(run, approver):
            return
        (row,) = self.street.rows("SELECT target_service, instruction FROM orchestrator_runs WHERE id = :id", id=run)
        with suppress(ApprovalRefusedError):
            self.street.submit(row["target_service"], row["instruction"], by, approval_token=self.tokens[-1][1])

    @precondition(lambda self: self.tokens)
    @rule(which=WHICH, by=st.one_of(st.none(), PERSON))
    def revoke(self, which: int, by: str | None) -> None:
        """By whoever gave the answer, or somebody else."""
        query = "SELECT id, subject_id, approver FROM approvals WHERE revoked_at IS NULL ORDER BY granted_at DESC, id"
        if standing := self.street.rows(query):
            given = self.pick(standing, which)
            with suppress(ApprovalRefusedError):
                caller = PEOPLE[by or given["approver"]]
                revoke_approval(self.street.tools, given["subject_id"], given["id"], caller)

    @rule(service=SERVICE, gate=st.sampled_from(GATES))
    def change_gate(self, service: str, gate: ApprovalGate) -> None:
        put_gate(self.street.tools, service, gate, "ada")

    @precondition(lambda self: self.runs())
    @rule(which=WHICH, by=PERSON)
    def cancel(self, which: int, by: str) -> None:
        still = self.runs("pending", "running", "awaiting_approval")
        with nullcontext() if still else pytest.raises(RunOverError):
            cancel_run(self.street.tools, self.pick(still or self.runs(), which), by)

    @precondition(lambda self: self.runs() and len(self.runs()) < MOST_RUNS)
    @rule(which=WHICH, by=PERSON, step=st.sampled_from([None, *FORWARD, "rollback"]))
    def retry(self, which: int, by: str, step: str | None) -> None:
        request = RetryRequest(StepName(step) if step else None)
        over = self.runs(*OVER)
        run = self.pick(over or self.runs(), which)
        with suppress(NotResumableError) if over else pytest.raises(RunNotOverError):
            retry_run(self.street.tools, run, request, by, self.street.new_id)

    # --- the machinery ------------------------------------------------------------------------------------

    @precondition(lambda self: self.has_messages())
    @rule()
    def deliver_all(self) -> None:
        self.street.deliver_all()

    @precondition(lambda self: self.has_messages())
    @rule(which=WHICH)
    def deliver_one(self, which: int) -> None:
        """In any order; the rest of its chain stays on its way."""
        self.street.dispatch()
        self.street.deliver(self.street.pending.pop(which % len(self.street.pending)))

    @precondition(lambda self: self.street.delivered)
    @rule(which=st.integers(0, 40))
    def deliver_again(self, which: int) -> None:
        self.street.deliver(self.pick(self.street.delivered, which))

    @precondition(lambda self: self.has_messages())
    @rule(which=WHICH)
    def lose_message(self, which: int) -> None:
        """Or rather: it comes very late, if ever."""
        self.street.dispatch()
        self.street.harmed = True
        self.street.delivered.append(self.street.pending.pop(which % len(self.street.pending)))

    @precondition(lambda self: self.has_messages())
    @rule(
        instant=st.sampled_from(INSTANTS),
        trouble=st.sampled_from(TROUBLES),
        late=st.sampled_from([0, 0, 0, 1, 2]),
        noticed=st.booleans(),
    )
    def deliver_until_trouble(self, instant: str, trouble: str, late: int, noticed: bool) -> None:
        """`late`: how often the instant passes well before; `noticed`: by the reaper, before anything else happens.

        In an open transaction little can happen.
        """
        if instant == "record.before_commit" and trouble != "lose_database":
            trouble = "die"

        def happen() -> None:
            nonlocal late
            late -= 1
            if late >= 0:
                self.street.trouble = (instant, happen)
            else:
                getattr(self, trouble)()

        self.street.trouble = (instant, happen)
        self.street.dispatch()
        while self.street.trouble and self.street.pending:
            self.street.deliver(self.street.pending.pop(0))
            self.street.dispatch()
        self.street.trouble = None
        if noticed:
            self.lose_lease()

    @rule(when=st.sampled_from(["all is lapsed", "all is late", "nothing is late"]))
    def reap(self, when: str) -> None:
        """While nothing is late, whoever works, waits, or was only just woken is left alone."""
        if when == "all is lapsed":
            self.street.lapse()
        if when != "nothing is late":
            self.street.reap()
            return
        waits = "due_at < now() AND status = 'awaiting_approval'"
        due = self.street.rows(f"SELECT id FROM orchestrator_runs WHERE lease_expires_at < now() OR ({waits})")
        assert self.street.reap(patience=3600) == len(due)

    @precondition(lambda self: self.runs("awaiting_approval") or self.tokens)
    @rule(what=st.sampled_from(["gates", "answers"]))
    def expire(self, what: str) -> None:
        self.expire_gates() if what == "gates" else self.expire_answers()

    def expire_gates(self) -> None:
        past = "now() - interval '1 s'"
        changed = f"approval_expires_at = {past}, due_at = {past}"
        self.street.sql(f"UPDATE orchestrator_runs SET {changed} WHERE status = 'awaiting_approval'")

    def expire_answers(self) -> None:
        self.street.sql("UPDATE approvals SET expires_at = now() - interval '1 s'")

    # --- the world ----------------------------------------------------------------------------------------

    @rule(service=SERVICE, how=st.sampled_from(WORLD))
    def let_be(self, service: str, how: str) -> None:
        runtime = self.street.runtimes[service]
        self.street.disturbed[service] += 1
        match how:
            case "edited" | "deployed":
                self.street.edit(service, deploy=how == "deployed")
            case "helped" | "past help":
                runtime.works = lambda content: how == "helped" and "dateutil" in content
                runtime.says = lambda content: ""
            case "hides more":
                runtime.works = lambda content: "dateutil" in content and "pyyaml" in content
                runtime.says = lambda content: MORE if "dateutil" in content else ""
            case "away" | "back":
                self.street.set_away(how == "away")
            case "well":
                runtime.fails.clear()
            case what:
                runtime.fails[what] = StepFailedError(f"{what}_failed", "it will not")

    # --- what can happen in the middle of a step ------------------------------------------------------------

    def die(self) -> None:
        raise DiedError

    def lose_database(self) -> None:
        raise OperationalError("any", {}, Exception("the database went away"))

    def cancel_it(self) -> None:
        for row in self.street.rows("SELECT id FROM orchestrator_runs WHERE lease_owner IS NOT NULL"):
            cancel_run(self.street.tools, row["id"], "kim")

    def lose_lease(self) -> None:
        self.street.lapse()
        self.street.reap()

    def be_replaced(self) -> None:
        self.lose_lease()
        self.street.deliver_all()

    def lose_engine(self) -> None:
        self.street.set_away(True)

    def edit_it(self) -> None:
        for row in self.street.rows("SELECT target_service FROM orchestrator_runs WHERE lease_owner IS NOT NULL"):
            self.street.edit(row["target_service"])

    # --- helpers ------------------------------------------------------------------------------------------

    def has_messages(self) -> bool:
        return bool(self.street.pending or self.promises.asked)

    def new_key(self) -> str:
        return f"key {len(self.runs())}"

    def runs(self, *statuses: str) -> list[UUID]:
        return [run for run, status in self.promises.statuses.items() if not statuses or status in statuses]

    @staticmethod
    def pick(choices: Any, which: int) -> Any:
        return choices[which % len(choices)] if which >= 0 else choices[which]


def empty(database: Engine) -> None:
    tables = ", ".join(table.name for table in Base.metadata.sorted_tables)
    with database.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # records are append-only
        connection.exec_driver_sql(f"TRUNCATE {tables}")


@pytest.fixture
def instants(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Every failpoint and every attempt passes by the machine; nothing waits, and nothing outlives the test."""
    hit = failpoints.hit
    for module in list(sys.modules.values()):
        if getattr(module, "hit", None) is hit:
            monkeypatch.setattr(module, "hit", lambda name: RunMachine.current.street.at(name))
    monkeypatch.setattr(use_cases, "perform", lambda *given: RunMachine.current.street.perform(*given))
    monkeypatch.setattr(Heartbeat, "pause", lambda self, seconds: self.check())
    monkeypatch.setattr(GroupLock.__init__, "__kwdefaults__", {"patience": 0.0})
    monkeypatch.setattr("moonmind.engine.insist.backoff_seconds", lambda failures, most: 0.0)
    monkeypatch.setattr(os, "fsync", lambda file: None)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    logging.disable(logging.WARNING)
    configuration.set_hypothesis_home_dir(tmp_path)
    yield
    logging.disable(logging.NOTSET)
    configuration.set_hypothesis_home_dir(None)


@pytest.mark.timeout(0 if EXAMPLES else 900)  # making a failing example small takes up to five minutes
@pytest.mark.usefixtures("instants")
def test_no_interleaving_breaks_what_a_run_promises(database: Engine) -> None:
    RunMachine.database = database
    chosen = settings(
        max_examples=int(EXAMPLES or 30),
        stateful_step_count=30,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        derandomize=not EXAMPLES,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(RunMachine, settings=chosen)
