"""What is reported of runs and steps: each thing once, after it is committed, whatever the ending."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from moonmind.engine.jobs import LeaseLostError
from moonmind.utils.log_context import ContextFilter
from moonmind.workflows.orchestrator import use_cases
from moonmind.workflows.orchestrator.approvals import (
    ApprovalRequest,
    ApprovalToken,
    answer_approval,
    issue_token,
)
from moonmind.workflows.orchestrator.gates import Approver
from moonmind.workflows.orchestrator.gauges import GaugeReporter, QueueGauges
from moonmind.workflows.orchestrator.metric_rows import RunningTotals
from moonmind.workflows.orchestrator.metrics import NullMetrics
from moonmind.workflows.orchestrator.repositories import RunRepository
from moonmind.workflows.orchestrator.tracing import root_number, trace_number
from moonmind.workflows.orchestrator.use_cases import cancel_run
from tests.support.house import STEPS, House
from tests.support.recording import RecordingMetrics, RecordingTracing

ANN = Approver("ann", frozenset({"approver"}))


class Watched(House):
    """A house whose reports are kept."""

    def __init__(self, home: Path, database: Engine, *, approval: str = "") -> None:
        super().__init__(home, database, approval=approval)
        self.metrics, self.tracing = RecordingMetrics(), RecordingTracing()
        self.tools = replace(self.tools, metrics=self.metrics, tracing=self.tracing)

    @property
    def told(self) -> list[str]:
        return self.metrics.told

    def ends(self) -> list[str]:
        return [what for what in self.told if what.startswith("ended")]

    def answer(self, run: UUID, decision: str) -> None:
        token = issue_token(self.tools, run, ANN, 60, "approver")
        request = ApprovalRequest("ann", "approver", ApprovalToken(token.id), decision)  # type: ignore[arg-type]
        answer_approval(self.tools, run, request, ANN)


@pytest.fixture
def house(tmp_path: Path, database: Engine) -> Watched:
    return Watched(tmp_path, database)


@pytest.fixture
def protected(tmp_path: Path, database: Engine) -> Watched:
    return Watched(tmp_path, database, approval='{ requirement = "pre-run" }')


def test_a_repair_is_told_step_by_step_each_thing_once(house: Watched) -> None:
    house.submit()
    house.deliver()
    steps = [told for step in STEPS for told in (f"{step} started", f"{step} succeeded")]
    assert house.told == ["queued", *steps, "ended succeeded"]


def test_the_same_key_again_is_no_second_run(house: Watched) -> None:
    house.submit(idempotency_key="k")
    house.submit(idempotency_key="k")
    assert house.told == ["queued"]


def test_an_undone_run_has_a_failed_step_a_rollback_that_succeeded_and_one_end(house: Watched) -> None:
    house.runtime.works = lambda text: False
    house.submit()
    house.deliver()
    assert house.told[-5:] == [
        "verify started",
        "verify failed",
        "rollback started",
        "rollback succeeded",
        "ended rolled_back",
    ]
    assert house.ends() == ["ended rolled_back"]


def test_an_undoing_that_is_not_verified_is_told_apart(house: Watched) -> None:
    house.runtime.works = lambda text: house.runtime.starts == 0
    house.submit("restart it")
    house.deliver()
    assert house.told[-3:] == ["rollback succeeded", "unverified", "ended rolled_back"]


def test_an_undoing_that_waits_for_its_engine_neither_failed_nor_ended(house: Watched) -> None:
    house.runtime.works = lambda text: False
    run = house.submit()
    for step in STEPS:
        house.step(run, step)
    house.runtime.away = True
    house.deliver()
    assert house.told[-2:] == ["rollback started", "rollback retried"]
    house.runtime.away = False
    house.reap()
    house.deliver()
    assert house.told[-3:] == ["rollback started", "rollback succeeded", "ended rolled_back"]


def test_a_run_that_is_cancelled_before_it_began_ends_once(house: Watched) -> None:
    cancel_run(house.tools, house.submit(), "kim")
    assert house.told == ["queued", "ended cancelled"]


def test_a_run_that_is_cancelled_between_two_steps_ends_once(house: Watched) -> None:
    run = house.submit()
    house.step(run, "analyze")
    cancel_run(house.tools, run, "kim")
    house.deliver()
    assert house.ends() == ["ended cancelled"]


def test_a_run_that_is_cancelled_while_it_works_ends_once(house: Watched) -> None:
    run = house.submit()
    house.step(run, "analyze")
    house.step(run, "patch")
    with house.database.begin() as connection:
        connection.execute(text("UPDATE orchestrator_runs SET cancel_requested_at = now()"))
    house.step(run, "build")
    house.deliver()
    assert house.told[-4:] == ["build failed", "rollback started", "rollback succeeded", "ended rolled_back"]


def test_a_rejected_run_ends_once_and_only_when_that_is_committed(
    protected: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = protected.submit()
    protected.deliver()

    def change_then_fail(self: RunRepository, *args: object) -> None:
        raise OperationalError("COMMIT", {}, Exception("connection refused"))

    with monkeypatch.context() as patch:
        patch.setattr(RunRepository, "step_seconds", change_then_fail)
        with pytest.raises(OperationalError):
            protected.answer(run, "reject")
    assert protected.ends() == []
    protected.answer(run, "reject")
    assert protected.ends() == ["ended failed"]


def test_a_transaction_that_does_not_commit_tells_nothing(house: Watched) -> None:
    def fail() -> None:
        with house.tools.store.transaction() as runs:
            runs.afterwards.append(house.metrics.run_queued)
            runs.forget_restore_point("no uuid")  # type: ignore[arg-type]

    with pytest.raises(SQLAlchemyError):
        fail()
    assert house.told == []


def test_silence_at_a_gate_ends_the_run_once(protected: Watched) -> None:
    protected.submit()
    protected.deliver()
    with protected.database.begin() as connection:
        past = "clock_timestamp() - interval '1 second'"
        connection.execute(text(f"UPDATE orchestrator_runs SET approval_expires_at = {past}, due_at = {past}"))
    protected.reap()
    protected.deliver()
    assert protected.told[-3:] == ["patch started", "patch failed", "ended failed"]
    assert protected.ends() == ["ended failed"]


def test_a_worker_that_lost_its_lease_tells_no_end_of_the_step(house: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    run = house.submit()
    house.step(run, "analyze")
    house.step(run, "patch")
    with monkeypatch.context() as patch:
        patch.setattr(house.runtime, "build", lambda execute: (_ for _ in ()).throw(LeaseLostError()))
        house.step(run, "build")
    assert house.told[-1] == "build started"
    house.lapse()
    house.reap()
    house.deliver()
    assert Counter(house.told)["build started"] == 2
    assert Counter(house.told)["build succeeded"] == 1
    assert house.ends() == ["ended succeeded"]


def test_the_end_is_told_though_the_database_goes_away_right_after_it(
    house: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = house.submit()
    for step in STEPS[:-1]:
        house.step(run, step)

    def gone(name: str) -> None:
        if name == "record.after_commit":
            house.tools.store.engine.dispose()
            monkeypatch.setattr(type(house.tools.store), "transaction", None)

    monkeypatch.setattr(use_cases, "hit", gone)
    house.step(run, "verify")
    assert house.ends() == ["ended succeeded"]


def test_a_run_is_one_trace_whose_ids_follow_from_its_own(house: Watched) -> None:
    run = house.submit()
    house.deliver()
    submit, *steps, root = house.tracing.spans
    assert {span.run for span in house.tracing.spans} == {run}
    assert submit.name == "submit"
    assert [span.name for span in steps] == [f"step {step}" for step in STEPS]
    assert (root.name, root.number, root.failed) == ("run", root_number(run), False)
    assert trace_number(run) == run.int
    assert root.start <= min(span.start for span in steps)
    assert all(span.start <= span.end <= root.end for span in steps)
    assert steps[2].attributes == {"service": "shop", "step": "build", "attempt": 1, "outcome": "succeeded"}
    assert (root.attributes["status"], root.attributes["run_id"]) == ("succeeded", str(run))


def test_a_failed_step_says_its_code_and_no_span_says_the_instruction(house: Watched) -> None:
    house.runtime.works = lambda text: False
    house.submit("fix the missing dependency of tok3n-in-the-text")
    house.deliver()
    (verify,) = [span for span in house.tracing.spans if span.name == "step verify"]
    assert (verify.failed, verify.attributes["outcome"], verify.attributes["failure_code"]) == (
        True,
        "failed",
        "verify_failed",
    )
    assert house.tracing.spans[-1].failed
    assert "tok3n" not in str(house.tracing.spans)


def test_a_step_that_is_skipped_says_so_in_its_span(house: Watched) -> None:
    house.submit("restart it")
    house.deliver()
    outcomes = {
        span.attributes["step"]: span.attributes["outcome"] for span in house.tracing.spans if "step" in span.attributes
    }
    assert outcomes["patch"] == "skipped"


def test_everything_logged_while_a_step_is_done_names_run_step_and_attempt_also_from_the_heartbeats_thread(
    house: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    beat = threading.Event()
    caplog.set_level(logging.INFO)
    caplog.handler.addFilter(ContextFilter())
    log = logging.getLogger("some.library")

    def extend(*args: object) -> bool:
        log.info("from the heartbeat")
        beat.set()
        return False

    def build(execute: object) -> None:
        log.info("from the step")
        assert beat.wait(20)

    monkeypatch.setattr("moonmind.engine.repository.JobRepository.extend", extend)
    monkeypatch.setattr(house.runtime, "build", build)
    house.tools = replace(house.tools, lease=1.5)
    run = house.submit()
    for step in STEPS[:3]:
        house.step(run, step)
    log.info("outside")
    said = {record.getMessage(): vars(record) for record in caplog.records if record.name == "some.library"}
    for where in ("from the step", "from the heartbeat"):
        assert [said[where][name] for name in ("run_id", "step", "attempt")] == [str(run), "build", 1], where
    assert "run_id" not in said["outside"]
    ended = [vars(record) for record in caplog.records if record.getMessage().startswith("build of run")]
    assert [record["step"] for record in ended] == ["build"]


def test_gauges_count_what_waits_and_fall_back_to_zero(house: Watched) -> None:
    gauges = QueueGauges(house.database, ["q", "orchestrator.light"])
    house.submit()
    house.submit()
    with house.database.begin() as connection:
        connection.execute(text("UPDATE orchestrator_runs SET queued_at = now() - interval '1 minute'"))
    values = gauges.read()
    assert (values["queues.q.pending.runs"], values["outbox.messages"]) == (2, 2)
    assert 60 <= values["queues.q.pending.oldest_seconds"] < 90
    assert values["queues.orchestrator_light.pending.runs"] == 0
    house.deliver()
    after = gauges.read()
    assert set(after) == set(values)
    assert set(after.values()) == {0}


def test_gauges_tell_leases_that_lapsed_from_those_in_force(house: Watched) -> None:
    run = house.submit()
    for owner, lapsed in (("one", 0), ("two", 1)):
        with house.database.begin() as connection:
            connection.execute(
                text(
                    "UPDATE orchestrator_runs SET lease_owner = :owner, lease_expires_at = now() + :by * interval '1s'"
                ),
                {"owner": owner, "by": -5 if lapsed else 60},
            )
        values = QueueGauges(house.database, ["q"]).read()
        assert (values["leases.active"], values["leases.lapsed"]) == (1 - lapsed, lapsed)
    assert house.detail(run)["status"] == "pending"


def test_a_queue_that_no_setting_names_is_told_when_it_is_empty_again(house: Watched) -> None:
    gauges = QueueGauges(house.database, [])
    cancelled = house.submit()
    assert gauges.read()["queues.q.pending.runs"] == 1
    cancel_run(house.tools, cancelled, "kim")
    assert gauges.read()["queues.q.pending.runs"] == 0


def test_a_database_that_is_away_is_waited_for() -> None:
    stop, answers = threading.Event(), iter([OperationalError("SELECT", {}, Exception("away")), {"leases.active": 1.0}])
    told: list[object] = []

    class Told(NullMetrics):
        def gauges(self, values: object) -> None:
            told.append(values)
            stop.set()

    def read() -> dict[str, float]:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    GaugeReporter(read, Told(), interval=0.01).run(stop)
    assert told == [{"leases.active": 1.0}]


def test_rows_counted_are_the_runs_and_attempts_that_there_were(house: Watched) -> None:
    house.submit()
    house.deliver()
    house.runtime.works = lambda text: False
    house.submit("restart it")
    house.deliver()
    house.submit("rebuild it")
    with house.database.begin() as connection:
        totals = RunningTotals().count(connection)
    counted = Counter({(row.status, row.bucket is None): row.count for row in totals.runs})
    assert counted == {("succeeded", False): 1, ("rolled_back", False): 1, ("pending", True): 1}
    outcomes: Counter[tuple[str, str | None]] = Counter()
    for row in totals.steps:
        outcomes[row.step, row.outcome] += row.count
    assert outcomes["restart", "succeeded"] == 2
    assert outcomes["patch", "skipped"] == outcomes["patch", "succeeded"] == 1
    assert outcomes["verify", "failed"] == outcomes["rollback", "succeeded"] == 1


def test_a_duration_on_a_buckets_bound_is_inside_it(house: Watched) -> None:
    for seconds in (0.1, 0.5, 1800.0, 1800.5):
        run = house.submit()
        cancel_run(house.tools, run, "kim")
        with house.database.begin() as connection:
            connection.execute(
                text("UPDATE orchestrator_runs SET metrics_snapshot = CAST(:said AS jsonb) WHERE id = :run"),
                {"said": json.dumps({"analyze": seconds}), "run": run},
            )
    with house.database.begin() as connection:
        found = sorted((row.bucket, row.seconds) for row in RunningTotals().count(connection).runs)
    assert found == [(0, 0.1), (1, 0.5), (11, 1800.0), (12, 1800.5)]


def test_what_ended_a_while_ago_is_counted_once_and_remembered(house: Watched) -> None:
    totals = RunningTotals()

    def count() -> tuple[Counter[str], int]:
        with house.database.begin() as connection:
            found = totals.count(connection)
        by_status: Counter[str] = Counter()
        for row in found.runs:
            by_status[row.status] += row.count
        return by_status, sum(row.count for row in found.steps)

    def age(run: UUID) -> None:
        with house.database.begin() as connection:
            old = "now() - interval '10 minutes'"
            connection.execute(text(f"UPDATE orchestrator_runs SET completed_at = {old} WHERE id = :run"), {"run": run})

    first = house.submit()
    house.deliver()
    age(first)
    house.submit("there is nothing to mend any more, so fix it")
    for _ in range(2):
        assert count() == ({"succeeded": 1, "pending": 1}, 5)
    house.deliver()
    for _ in range(2):
        assert count() == ({"succeeded": 1, "failed": 1}, 6)
    with house.database.begin() as connection:
        connection.execute(text("UPDATE orchestrator_runs SET status = 'cancelled' WHERE id = :run"), {"run": first})
    assert count() == ({"succeeded": 1, "failed": 1}, 6), "it is not looked at again"
