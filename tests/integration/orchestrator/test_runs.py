"""Whole runs over a real PostgreSQL and real files, with a service and an index that are fakes: what each ending leaves
behind, and what a crash at any point leads to."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from moonmind.engine.jobs import LeaseLostError
from moonmind.engine.lease import Heartbeat
from moonmind.schemas.approvals import ApprovalGate
from moonmind.schemas.workflow_models import StepName
from moonmind.workflows.orchestrator import use_cases
from moonmind.workflows.orchestrator.approval_gates import put_gate
from moonmind.workflows.orchestrator.attempt import log_name
from moonmind.workflows.orchestrator.ports import Command, Execute, StepFailedError
from moonmind.workflows.orchestrator.repositories import JOBS
from moonmind.workflows.orchestrator.storage import DiskArtifactStore
from moonmind.workflows.orchestrator.use_cases import cancel_run
from moonmind.workflows.orchestrator.workspace import LocalWorkspace
from tests.support.house import BROKEN, STEPS, House, statuses


@pytest.fixture
def house(tmp_path: Path, database: Engine) -> Iterator[House]:
    return House(tmp_path, database)


def test_a_missing_package_is_added_built_restarted_and_verified(house: House) -> None:
    run = house.submit()
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["failure"], detail["current_step"]) == ("succeeded", None, None)
    assert statuses(detail) == dict.fromkeys(STEPS, "succeeded")
    assert house.manifest.read_bytes().startswith(BROKEN)
    assert b"python-dateutil" in house.manifest.read_bytes()
    assert house.runtime.healthy
    assert [c for c in house.runtime.calls if c in ("restore_point", "build", "restart", "restore", "discard")] == [
        "restore_point",
        "build",
        "restart",
        "discard",
    ]


def test_a_run_leaves_its_plan_diff_logs_and_metrics(house: House) -> None:
    run = house.submit()
    house.deliver()
    files = house.files(run)
    assert sorted(files) == [
        "analyze.log",
        "build.log",
        "metrics.json",
        "patch.diff",
        "patch_preview.diff",
        "plan.json",
        "pre-images/requirements.txt",
        "restart.log",
        "verify.log",
    ]
    assert files["pre-images/requirements.txt"] == BROKEN
    assert files["patch_preview.diff"] in files["patch.diff"]
    assert b"No module named 'dateutil'" in files["analyze.log"]
    plan = json.loads(files["plan.json"])
    detail = house.detail(run)
    assert (plan["version"], plan["digest"]) == (2, detail["action_plan"]["digest"])
    assert set(json.loads(files["metrics.json"])["steps"]) == set(detail["metrics"]) == set(STEPS)
    listed = {artifact["path"]: (artifact["size_bytes"], artifact["sha256"]) for artifact in detail["artifacts"]}
    assert sorted(listed) == sorted(files)
    assert {path: size for path, (size, _) in listed.items()} == {path: len(data) for path, data in files.items()}


def test_a_change_that_does_not_help_is_undone_to_the_byte_and_the_build_with_it(house: House) -> None:
    house.manifest.chmod(0o640)
    house.runtime.works = lambda text: False
    run = house.submit()
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["rollback_verified"]) == ("rolled_back", True)
    assert detail["failure"]["code"] == "verify_failed"
    assert statuses(detail) == {**dict.fromkeys(STEPS, "succeeded"), "verify": "failed", "rollback": "succeeded"}
    assert house.manifest.read_bytes() == BROKEN
    assert house.manifest.stat().st_mode & 0o777 == 0o640
    assert house.runtime.image == house.runtime.running == BROKEN.decode()
    assert b"restored requirements.txt" in house.files(run)["rollback.log"]


def test_a_failed_build_restores_files_only(house: House) -> None:
    house.runtime.fails["build"] = StepFailedError("build_failed", "no space left")
    run = house.submit()
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["failure"]["reason"], detail["rollback_verified"]) == (
        "rolled_back",
        "no space left",
        True,
    )
    assert house.manifest.read_bytes() == BROKEN
    assert "restart" not in house.runtime.calls
    assert statuses(detail)["restart"] == statuses(detail)["verify"] == "skipped"


def test_a_service_that_was_never_built_is_not_started_by_rollback(house: House) -> None:
    house.runtime.image = ""
    house.runtime.works = lambda text: False
    run = house.submit()
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["rollback_verified"]) == ("rolled_back", True)
    assert house.runtime.calls.count("restart") == 1


def test_what_may_not_be_built_is_refused_before_anything_is_touched(house: House) -> None:
    house.runtime.fails["check"] = StepFailedError("compose_refused", "privileged: true")
    run = house.submit()
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["failure"]) == (
        "failed",
        {"code": "compose_refused", "reason": "privileged: true"},
    )
    assert house.manifest.read_bytes() == BROKEN


def test_a_service_that_stays_exited_is_not_waited_for_until_the_time_out(house: House) -> None:
    config = (house.home / "config.toml").read_text().replace("verify = 2", "verify = 300")
    (house.home / "config.toml").write_text(config)
    house.restart()
    house.runtime.works = lambda text: False
    run = house.submit()
    house.deliver()
    assert house.detail(run)["failure"]["reason"] == "not healthy in time: the service is exited"
    assert house.detail(run)["metrics"]["verify"] < 60


def test_nothing_safe_to_do_fails_with_the_evidence_and_touches_nothing(house: House) -> None:
    house.runtime.log = "sqlite3.OperationalError: no such table: orders\n"
    run = house.submit()
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["failure"]["code"]) == ("failed", "no_fix_found")
    assert statuses(detail) == {"analyze": "failed", **dict.fromkeys(STEPS[1:], "skipped")}
    assert house.manifest.read_bytes() == BROKEN
    assert b"no such table" in house.files(run)["analyze.log"]


def test_what_a_visitor_put_into_a_healthy_services_log_is_not_installed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    (house.shop / "app.py").write_text("import os, flask\nfrom json import dumps\n")
    house.runtime.works = lambda text: True
    monkeypatch.setattr(house.runtime, "recent_logs", lambda execute: house.runtime.log)
    run = house.submit("it is slow today, please fix")
    house.deliver()
    failure = house.detail(run)["failure"]
    assert failure["code"] == "no_fix_found"
    assert "none of its files imports `dateutil`" in failure["reason"]
    assert house.manifest.read_bytes() == BROKEN


def test_a_lazy_import_of_a_healthy_service_is_repaired(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    (house.shop / "app.py").write_text("def page():\n    import os, dateutil.parser as p\n")
    house.runtime.works = lambda text: True
    monkeypatch.setattr(house.runtime, "recent_logs", lambda execute: house.runtime.log)
    run = house.submit()
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"
    assert b"python-dateutil" in house.manifest.read_bytes()


def test_an_engine_that_is_away_fails_before_anything_is_touched(house: House) -> None:
    house.runtime.away = True
    run = house.submit()
    house.deliver()
    assert house.detail(run)["failure"]["code"] == "engine_unavailable"
    assert house.detail(run)["status"] == "failed"


def test_a_file_that_the_profile_does_not_allow_never_changes(house: House) -> None:
    config = (house.home / "config.toml").read_text().replace('allow = ["requirements.txt"]', 'allow = ["Dockerfile"]')
    (house.home / "config.toml").write_text(config)
    house.restart()
    run = house.submit()
    house.deliver()
    assert house.detail(run)["status"] == "failed"
    assert house.manifest.read_bytes() == BROKEN


def test_a_service_that_this_worker_does_not_know_fails_and_says_so(house: House) -> None:
    run = house.submit()
    (house.home / "config.toml").write_text("")
    house.restart()
    house.deliver()
    assert house.detail(run)["failure"]["code"] == "service_unknown"


def test_a_dry_run_shows_the_diff_and_changes_nothing(house: House) -> None:
    run = house.submit(dry_run=True)
    house.deliver()
    detail = house.detail(run)
    assert detail["status"] == "succeeded"
    assert statuses(detail) == {"analyze": "succeeded", **dict.fromkeys(STEPS[1:], "skipped")}
    assert b"+python-dateutil" in house.files(run)["patch_preview.diff"]
    assert house.manifest.read_bytes() == BROKEN


@pytest.mark.parametrize(("instruction", "left_out"), [("restart it", ["patch", "build"]), ("rebuild it", ["patch"])])
def test_an_instruction_that_only_asks_to_restart_or_rebuild_edits_nothing(
    house: House, instruction: str, left_out: list[str]
) -> None:
    house.runtime.works = lambda text: True
    run = house.submit(instruction)
    house.deliver()
    detail = house.detail(run)
    assert detail["status"] == "succeeded"
    assert [name for name, status in statuses(detail).items() if status == "skipped"] == left_out
    assert house.manifest.read_bytes() == BROKEN
    assert ("build" in house.runtime.calls) == ("build" not in left_out)


@pytest.mark.parametrize(
    ("done", "status", "verified"),
    [
        ([], "cancelled", None),
        (["analyze"], "cancelled", None),
        (STEPS[:2], "rolled_back", True),
        (STEPS[:4], "rolled_back", True),
    ],
)
def test_a_cancelled_run_stops_before_its_next_step_and_undoes_what_it_did(
    house: House, done: list[str], status: str, verified: bool | None
) -> None:
    run = house.submit()
    for name in done:
        assert house.step(run, name)
    house.take_messages()
    cancel_run(house.tools, run, "kim")
    house.reap()
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["failure"]["code"], detail["rollback_verified"]) == (status, "cancelled", verified)
    assert house.manifest.read_bytes() == BROKEN
    assert house.runtime.image == house.runtime.running == BROKEN.decode()


def test_a_wish_to_cancel_stops_the_command_that_runs(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(execute: Execute) -> None:
        cancel_run(house.tools, run, "kim")
        execute(Command((sys.executable, "-c", "import time; time.sleep(600)")))

    monkeypatch.setattr(house.runtime, "build", build)
    house.tools = replace(house.tools, lease=1.5)
    run = house.submit()
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["failure"]["code"], detail["rollback_verified"]) == (
        "rolled_back",
        "cancelled",
        True,
    )
    assert statuses(detail)["build"] == "failed"
    assert house.manifest.read_bytes() == BROKEN


def test_what_is_being_undone_cannot_be_cancelled(house: House) -> None:
    house.runtime.works = lambda text: False
    run = house.submit()
    for name in STEPS[:4]:
        assert house.step(run, name)
    assert not house.step(run, "verify")
    cancel_run(house.tools, run, "kim")
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["failure"]["code"], detail["rollback_verified"]) == (
        "rolled_back",
        "verify_failed",
        True,
    )


def test_a_cancelled_run_lets_the_next_of_its_service_begin(house: House) -> None:
    first, second = house.submit(), house.submit("restart it")
    house.take_messages()
    cancel_run(house.tools, first, "kim")
    house.deliver()
    assert (house.detail(first)["status"], house.detail(second)["status"]) == ("cancelled", "rolled_back")


def test_a_file_that_somebody_changed_after_analyze_is_left_alone(house: House) -> None:
    run = house.submit()
    assert house.step(run, "analyze")
    house.manifest.write_bytes(b"theirs\n")
    assert not house.step(run, "patch")
    assert house.detail(run)["failure"]["code"] == "changed_by_others"
    assert house.detail(run)["status"] == "failed"
    assert house.manifest.read_bytes() == b"theirs\n"


def test_a_file_that_somebody_changed_during_the_run_is_not_overwritten_by_rollback(house: House) -> None:
    run = house.submit()
    for name in ("analyze", "patch", "build"):
        assert house.step(run, name)
    house.manifest.write_bytes(b"theirs\n")
    house.runtime.fails["restart"] = StepFailedError("restart_failed", "it will not")
    assert not house.step(run, "restart")
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["rollback_verified"]) == ("rolled_back", False)
    assert house.manifest.read_bytes() == b"theirs\n"
    files = house.files(run)
    assert files["conflicts/requirements.txt"] == b"theirs\n"
    assert files["pre-images/requirements.txt"] == BROKEN


def test_other_uncommitted_work_survives(house: House) -> None:
    (house.shop / "app.py").write_text("work in progress\nimport dateutil\n")
    (house.shop / "notes.txt").write_text("mine\n")
    house.submit()
    house.deliver()
    assert (house.shop / "app.py").read_text() == "work in progress\nimport dateutil\n"
    assert (house.shop / "notes.txt").read_text() == "mine\n"


@pytest.mark.parametrize("crashing", STEPS)
def test_a_worker_that_dies_after_a_step_but_before_its_record_is_made_good(
    house: House, crashing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = house.submit()
    for name in STEPS[: STEPS.index(crashing)]:
        assert house.step(run, name)
    with monkeypatch.context() as patch:
        patch.setattr("moonmind.workflows.orchestrator.use_cases.decide", _die)
        with pytest.raises(KeyboardInterrupt):
            house.step(run, crashing)
    house.lapse()
    assert house.reap() == 1
    house.deliver()
    detail = house.detail(run)
    assert detail["status"] == "succeeded"
    paths = {artifact["path"] for artifact in detail["artifacts"]}
    assert {log_name(StepName(crashing), 1), log_name(StepName(crashing), 2)} <= paths
    attempts = [(s["attempt"], s["status"]) for s in detail["steps"] if s["name"] == crashing]
    assert attempts == [(1, "failed"), (2, "succeeded")]
    assert house.files(run)["pre-images/requirements.txt"] == BROKEN
    assert house.manifest.read_bytes().count(b"python-dateutil") == 1


def test_a_step_that_keeps_killing_its_worker_is_given_up_and_undone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = house.submit()
    for name in ("analyze", "patch"):
        assert house.step(run, name)
    with monkeypatch.context() as patch:
        patch.setattr("moonmind.workflows.orchestrator.use_cases.decide", _die)
        for epoch in (1, 2, 3):
            with pytest.raises(KeyboardInterrupt):
                house.step(run, "build", epoch)
            house.lapse()
            house.reap()
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["failure"]["code"], detail["rollback_verified"]) == (
        "rolled_back",
        "gave_up",
        True,
    )
    assert house.manifest.read_bytes() == BROKEN


def test_a_worker_that_lost_its_lease_records_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    run = house.submit()
    assert house.step(run, "analyze")
    monkeypatch.setattr(house.runtime, "build", lambda execute: (_ for _ in ()).throw(LeaseLostError()))
    assert house.step(run, "patch")
    assert not house.step(run, "build")
    assert statuses(house.detail(run))["build"] == "in_progress"


def test_rollback_waits_for_an_engine_that_is_away(house: House) -> None:
    house.runtime.works = lambda text: False
    run = house.submit()
    for name in STEPS[:-1]:
        assert house.step(run, name)
    assert not house.step(run, "verify")
    house.runtime.away = True
    house.deliver()
    assert house.detail(run)["status"] == "running"
    assert house.manifest.read_bytes() == BROKEN
    house.runtime.away = False
    assert house.reap() == 1
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["rollback_verified"]) == ("rolled_back", True)


def test_waiting_for_an_engine_is_not_counted_as_crashing(house: House) -> None:
    house.runtime.works = lambda text: False
    run = house.submit()
    for name in STEPS[:-1]:
        assert house.step(run, name)
    assert not house.step(run, "verify")
    house.runtime.away = True
    house.deliver()
    for _ in range(25):
        house.reap()
        house.deliver()
    assert house.detail(run)["status"] == "running"
    house.runtime.away = False
    house.reap()
    house.deliver()
    assert (house.detail(run)["status"], house.detail(run)["rollback_verified"]) == ("rolled_back", True)


def test_a_restart_that_breaks_a_healthy_service_is_undone_and_checked(house: House) -> None:
    house.runtime.works = lambda text: house.runtime.starts != 1
    run = house.submit("restart it")
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["rollback_verified"]) == ("rolled_back", True)
    assert (house.runtime.starts, house.runtime.healthy) == (2, True)


def test_a_restart_that_cannot_be_undone_is_the_alarm(house: House) -> None:
    house.runtime.works = lambda text: house.runtime.starts == 0
    run = house.submit("restart it")
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["rollback_verified"]) == ("rolled_back", False)


def test_a_full_disk_does_not_undo_a_repair_nor_keep_a_run_from_ending(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = house.submit()
    for name in STEPS[:-1]:
        assert house.step(run, name)

    def full(*args: object, **rest: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("moonmind.workflows.orchestrator.storage.os.write", full)
        patch.setattr(DiskArtifactStore, "put", full)
        assert not house.step(run, "verify")
    assert house.detail(run)["status"] == "succeeded"
    assert set(house.detail(run)["metrics"]) == set(STEPS)


def test_a_full_disk_before_anything_is_touched_fails_the_run_and_says_so(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = house.submit()
    assert house.step(run, "analyze")

    def full(*args: object, **rest: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(DiskArtifactStore, "put", full)
    assert not house.step(run, "patch")
    assert (house.detail(run)["status"], house.detail(run)["failure"]["code"]) == ("failed", "disk_full")
    assert house.manifest.read_bytes() == BROKEN


def test_what_a_tool_said_is_recorded_whatever_bytes_it_held(house: House) -> None:
    house.runtime.fails["build"] = StepFailedError("build_failed", "bad\0 \ud800 \x1b[31m" + "x" * 1000)
    run = house.submit()
    house.deliver()
    failure = house.detail(run)["failure"]
    assert failure["code"] == "build_failed"
    assert failure["reason"].startswith("bad  ?")
    assert len(failure["reason"]) == 500


def test_a_wish_to_cancel_that_comes_with_the_last_success_still_undoes_the_run(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = house.submit()
    for name in STEPS[:-1]:
        assert house.step(run, name)
    real = use_cases.perform

    def perform_and_cancel(*args: Any) -> Any:
        done = real(*args)
        cancel_run(house.tools, run, "kim")
        return done

    with monkeypatch.context() as patch:
        patch.setattr(use_cases, "perform", perform_and_cancel)
        assert not house.step(run, "verify")
    house.deliver()
    assert (house.detail(run)["status"], house.detail(run)["rollback_verified"]) == ("rolled_back", True)


@pytest.mark.parametrize(("crashing", "status"), [("analyze", "cancelled"), ("patch", "rolled_back")])
def test_what_a_silent_worker_left_open_is_closed_when_the_run_is_cancelled_meanwhile(
    house: House, crashing: str, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = house.submit()
    for name in STEPS[: STEPS.index(crashing)]:
        assert house.step(run, name)
    with monkeypatch.context() as patch:
        patch.setattr("moonmind.workflows.orchestrator.use_cases.decide", _die)
        with pytest.raises(KeyboardInterrupt):
            house.step(run, crashing)
    house.lapse()
    house.reap()
    cancel_run(house.tools, run, "kim")
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], statuses(detail)[crashing]) == (status, "failed")
    assert [step["attempt"] for step in detail["steps"] if step["name"] == "rollback"] in ([], [1])
    assert house.manifest.read_bytes() == BROKEN


def test_a_wish_to_cancel_that_comes_while_a_gate_is_found_shut_ends_the_run(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = house.submit()
    assert house.step(run, "analyze")
    put_gate(house.tools, "shop", ApprovalGate(requirement="pre-run"), "ada")
    real = use_cases.perform

    def perform_and_cancel(*args: Any) -> Any:
        done = real(*args)
        cancel_run(house.tools, run, "kim")
        return done

    with monkeypatch.context() as patch:
        patch.setattr(use_cases, "perform", perform_and_cancel)
        assert not house.step(run, "patch")
    assert house.detail(run)["status"] == "cancelled"


def test_the_next_run_of_a_service_starts_when_the_one_before_has_ended(house: House) -> None:
    first, second = house.submit(), house.submit("restart it")
    assert house.step(first, "analyze")
    assert not house.step(second, "analyze")
    assert house.detail(second)["status"] == "pending"
    house.take_messages()
    for name in STEPS[1:]:
        house.step(first, name)
    house.deliver()
    assert (house.detail(first)["status"], house.detail(second)["status"]) == ("succeeded", "succeeded")


def test_every_change_of_a_run_is_an_event_in_order(house: House) -> None:
    run = house.submit()
    house.deliver()
    with house.database.connect() as connection:
        query = text("SELECT kind, payload FROM run_events WHERE subject_id = :run ORDER BY sequence")
        events = connection.execute(query, {"run": run}).all()
    assert [event.kind for event in events] == [
        "run_created",
        *("step_started", "plan_made", "step_finished"),
        *("step_started", "step_finished") * 4,
        "run_finished",
    ]
    assert events[-1].payload == {"status": "succeeded", "failure": None}


def _die(*args: object) -> None:
    raise KeyboardInterrupt


def lose_answers(house: House, monkeypatch: pytest.MonkeyPatch, *, committed: bool) -> list[str]:
    """From now on, each run's outcome is written once with the database gone away: before its commit, or just after."""
    real, lost = house.tools.store.transaction, list[str]()

    @contextmanager
    def transaction() -> Iterator[Any]:
        recorded = []
        with real() as runs:
            record = runs.record
            monkeypatch.setattr(runs, "record", lambda *args: (record(*args), recorded.append(args[0].claim.step)))
            yield runs
            if recorded and recorded[0] not in lost and not committed:
                lost.extend(recorded)
                raise OperationalError("COMMIT", {}, Exception("server closed the connection"))
        if recorded and recorded[0] not in lost:
            lost.extend(recorded)
            raise OperationalError("COMMIT", {}, Exception("server closed the connection"))

    monkeypatch.setattr(house.tools.store, "transaction", transaction)
    return lost


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("works", [True, False])
def test_an_outcome_whose_commit_got_no_answer_is_written_once(
    house: House, monkeypatch: pytest.MonkeyPatch, committed: bool, works: bool
) -> None:
    if not works:
        house.runtime.works = lambda text: False
    lost = lose_answers(house, monkeypatch, committed=committed)
    run = house.submit()
    house.deliver()
    detail = house.detail(run)
    assert detail["status"] == ("succeeded" if works else "rolled_back")
    assert lost == (STEPS if works else [*STEPS, "rollback"])
    assert [step["attempt"] for step in detail["steps"]] == [1] * len(detail["steps"])
    assert len(house.events(run, "step_finished")) == len(lost)
    assert house.runtime.calls.count("build") == 1


def test_a_database_that_stays_away_past_the_lease_leaves_the_step_to_whoever_comes_next(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.tools = replace(house.tools, lease=0.5)
    run = house.submit()
    assert house.step(run, "analyze")

    def gone(*args: object) -> None:
        raise OperationalError("SELECT", {}, Exception("connection refused"))

    with monkeypatch.context() as patch:
        patch.setattr("moonmind.workflows.orchestrator.use_cases._decide", gone)
        patch.setattr(type(JOBS), "extend", gone)
        assert not house.step(run, "patch")
    house.lapse()
    house.reap()
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"
    assert house.manifest.read_bytes().count(b"python-dateutil") == 1


def test_an_undoing_that_fails_each_time_ends_as_the_alarm(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    run = house.submit()
    for name in STEPS[:2]:
        assert house.step(run, name)
    house.runtime.fails["build"] = StepFailedError("build_failed", "no")
    assert not house.step(run, "build")
    monkeypatch.setattr(LocalWorkspace, "restore", lambda *args, **rest: (_ for _ in ()).throw(KeyError("a bug")))
    for _ in range(30):
        house.deliver()
        house.reap()
    detail = house.detail(run)
    assert (detail["status"], detail["rollback_verified"]) == ("rolled_back", False)
    assert "came to nothing 20 times" in detail["steps"][-1]["message"]


def test_a_heartbeat_that_sees_the_lease_given_back_before_the_answer_is_missed_changes_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = lose_answers(house, monkeypatch, committed=True)
    real = Heartbeat._outlast

    def notice_first(self: Heartbeat, seconds: float) -> bool:
        self._give_up()
        return real(self, seconds)

    monkeypatch.setattr(Heartbeat, "_outlast", notice_first)
    run = house.submit()
    house.deliver()
    assert (house.detail(run)["status"], lost) == ("succeeded", STEPS)
    assert house.runtime.marks == {}


def test_what_was_kept_for_an_undoing_is_forgotten_though_the_worker_dies_right_after_the_end(house: House) -> None:
    run = house.submit()
    for name in STEPS:
        house.step(run, name)
    assert house.detail(run)["status"] == "succeeded"
    assert house.runtime.marks, "a message has it forgotten, which any worker can take"
    house.deliver()
    house.deliver()
    assert house.runtime.marks == {}
    assert house.runtime.calls.count("discard") == 1


def test_what_was_kept_is_forgotten_though_the_worker_dies_with_the_message_in_hand(house: House) -> None:
    run = house.submit()
    for name in STEPS:
        house.step(run, name)
    house.take_messages()
    house.reap()
    house.deliver()
    assert house.runtime.marks == {}
    house.reap()
    assert house.take_messages() == []


def test_what_cannot_be_forgotten_now_is_tried_again_ever_more_seldom(house: House) -> None:
    run = house.submit()
    for name in STEPS:
        house.step(run, name)
    house.take_messages()
    house.runtime.away = True
    with house.database.begin() as connection:
        connection.execute(text("UPDATE orchestrator_runs SET completed_at = now() - interval '1 hour'"))
    house.reap()
    house.deliver()
    house.reap()
    assert house.take_messages() == []
    with house.database.begin() as connection:
        (wait,) = connection.execute(text("SELECT due_at - now() FROM orchestrator_runs")).one()
    assert timedelta(minutes=59) < wait < timedelta(minutes=61)
    house.runtime.away = False
    with house.database.begin() as connection:
        connection.execute(text("UPDATE orchestrator_runs SET due_at = now() - interval '1 second'"))
    house.reap()
    house.deliver()
    assert house.runtime.marks == {}
