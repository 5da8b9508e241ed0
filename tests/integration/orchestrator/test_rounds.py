"""Runs that plan more than once, over a real PostgreSQL and real files: one missing module often hides three."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from moonmind.access.use_cases import create_key
from moonmind.schemas.workflow_models import ServiceState, StepName
from moonmind.workflows.orchestrator.approvals import ApprovalRequest, ApprovalToken, answer_approval, issue_token
from moonmind.workflows.orchestrator.gates import Approver
from moonmind.workflows.orchestrator.ports import Command, Execute, StepFailedError
from moonmind.workflows.orchestrator.use_cases import cancel_run
from tests.fakes.index import FakePackageIndex, release
from tests.fakes.keys import HOUSE_KEY
from tests.fakes.knowledge import knowledge
from tests.support.house import BROKEN, STEPS, House, statuses

PACKAGES = {"dateutil": "python-dateutil", "yaml": "pyyaml", "attr": "attrs"}
ANN = Approver("ann", frozenset({"approver"}))


def missing(module: str) -> str:
    return (
        f'Traceback (most recent call last):\n  File "/srv/app.py", line 1, in <module>\n    import {module}\n'
        f"ModuleNotFoundError: No module named '{module}'\n"
    )


def complains(manifest: str) -> str:
    """The service says only the first thing that it lacks."""
    return next((missing(module) for module, name in PACKAGES.items() if name not in manifest), "")


def hides_three(house: House) -> House:
    house.runtime.works = lambda manifest: not complains(manifest)
    house.runtime.says = complains
    index = FakePackageIndex(*(release(name, modules=(module,)) for module, name in PACKAGES.items()))
    house.tools = replace(house.tools, knowledge=knowledge(index))
    return house


def configure(house: House, **profile: Any) -> None:
    config = house.home / "config.toml"
    lines = "".join(f"{name} = {value}\n" for name, value in profile.items())
    config.write_text(config.read_text().replace("verify_successes", f"{lines}verify_successes"))
    house.restart()


@pytest.fixture
def house(tmp_path: Path, database: Engine) -> House:
    return hides_three(House(tmp_path, database))


@pytest.fixture
def protected(tmp_path: Path, database: Engine) -> House:
    create_key(database, HOUSE_KEY, ANN.id, "key", ["approver"], None, actor="ada")
    return hides_three(House(tmp_path, database, approval='{ requirement = "pre-run" }'))


def attempts(house: House, run: UUID, step: str) -> int:
    query = text("SELECT count(*) FROM spec_workflow_task_states WHERE run_id = :run AND step = :step")
    with house.database.connect() as connection:
        return int(connection.execute(query, {"run": run, "step": step}).scalar_one())


def answer(house: House, run: UUID, **rest: Any) -> None:
    token = issue_token(house.tools, run, ANN, 60)
    answer_approval(house.tools, run, ApprovalRequest(ANN.id, token.role, ApprovalToken(token.id), **rest), ANN)


def test_what_the_first_repair_uncovers_is_repaired_in_the_same_run(house: House) -> None:
    run = house.submit()
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["failure"]) == ("succeeded", None)
    assert [edit["name"] for edit in json.loads(house.files(run)["plan.json"])["edits"]] == [*PACKAGES.values()]
    assert all(name in house.manifest.read_text() for name in PACKAGES.values())
    assert detail["action_plan"]["version"] == 4
    assert {step: attempts(house, run, step) for step in STEPS} == dict.fromkeys(STEPS, 3)


def test_each_version_of_the_plan_stays_with_its_diff_and_the_newest_is_the_whole_change(house: House) -> None:
    run = house.submit()
    house.deliver()
    files = house.files(run)
    assert {"plan-2.json", "plan-3.json", "plan.json", "analyze-2.log", "patch-3.diff"} <= files.keys()
    assert [files[name].count(b"\n+") for name in ("patch_preview-2.diff", "patch_preview-3.diff")] == [2, 3]
    assert files["patch_preview.diff"] in files["patch-3.diff"]
    assert files["pre-images/requirements.txt"] == BROKEN
    assert b"round 2, since verify failed" in files["analyze-2.log"]


def test_the_proof_of_every_added_package_is_in_the_log_of_its_round(house: House) -> None:
    run = house.submit()
    house.deliver()
    files = house.files(run)
    logs = [files[name].decode() for name in ("analyze.log", "analyze-2.log", "analyze-3.log")]
    for name, log in zip(PACKAGES.values(), logs, strict=True):
        assert f"proof of {name}: {name} 1.2.3 provides" in log


def test_rounds_are_bounded_and_then_everything_is_undone(house: House) -> None:
    configure(house, rounds=2)
    hides_three(house)
    run = house.submit()
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["failure"]["code"]) == ("rolled_back", "verify_failed")
    assert detail["rollback_verified"] is True
    assert attempts(house, run, "verify") == 2
    assert house.manifest.read_bytes() == BROKEN
    assert house.runtime.running == BROKEN.decode()


def test_the_same_failure_again_is_no_reason_for_another_round(house: House) -> None:
    house.runtime.works = lambda manifest: False
    house.runtime.says = lambda manifest: missing("dateutil")
    run = house.submit()
    house.deliver()
    assert house.detail(run)["status"] == "rolled_back"
    assert attempts(house, run, "analyze") == 1


def test_a_new_failure_without_a_safe_edit_ends_the_run_as_the_step_did(house: House) -> None:
    house.runtime.says = lambda manifest: missing("shop_helpers" if "dateutil" in manifest else "dateutil")
    run = house.submit()
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["failure"]["code"]) == ("rolled_back", "verify_failed")
    assert "looked again: no safe edit" in detail["failure"]["reason"]
    assert statuses(detail)["analyze"] == "failed"
    assert house.manifest.read_bytes() == BROKEN


def test_a_failed_build_teaches_the_next_round(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    build = house.runtime.build

    def fails_at_first(execute: Execute) -> None:
        if "pyyaml" not in house.manifest.read_text():
            execute(Command(("printf", "%s", missing("yaml"))))
            raise StepFailedError("build_failed", "the build ended with 1")
        build(execute)

    monkeypatch.setattr(house.runtime, "build", fails_at_first)
    run = house.submit()
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"
    assert b"No module named 'yaml'" in house.files(run)["analyze-2.log"]
    assert (attempts(house, run, "build"), attempts(house, run, "restart")) == (3, 2)


def test_a_service_that_was_never_built_is_built_to_learn_what_is_wrong(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    observe = house.runtime.observe
    monkeypatch.setattr(
        house.runtime,
        "observe",
        lambda execute: observe(execute) if house.runtime.starts else ServiceState(status="absent"),
    )
    monkeypatch.setattr(
        house.runtime, "recent_logs", lambda execute: complains(house.runtime.running) if house.runtime.starts else ""
    )
    run = house.submit()
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"
    assert attempts(house, run, "analyze") == 4
    preview = house.submit(dry_run=True)
    house.runtime.starts = 0
    house.deliver()
    assert house.detail(preview)["failure"]["code"] == "no_fix_found"


@pytest.mark.parametrize("point", ["analyze.before_plan", "patch.before_write", "patch.after_write", "build.after"])
def test_a_crash_in_a_later_round_changes_nothing_of_how_the_run_ends(
    house: House, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    run = house.submit()
    seen = 0

    class Died(BaseException):
        pass

    def die(name: str) -> None:
        nonlocal seen
        if name == point:
            seen += 1
            if seen == 2:
                raise Died

    for module in ("analyze", "patch", "build"):
        monkeypatch.setattr(sys.modules[f"moonmind.workflows.orchestrator.steps.{module}"], "hit", die)
    with pytest.raises(Died):
        house.deliver()
    house.lapse()
    house.reap()
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"
    assert house.detail(run)["action_plan"]["version"] == 4


def test_a_file_that_somebody_changed_between_two_rounds_is_left_to_them(house: House) -> None:
    def somebody_edits(manifest: str) -> str:
        if "dateutil" in manifest:
            house.manifest.write_bytes(house.manifest.read_bytes() + b"theirs\n")
        return complains(manifest)

    house.runtime.says = somebody_edits
    run = house.submit()
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["rollback_verified"]) == ("rolled_back", False)
    assert b"theirs" in house.manifest.read_bytes()
    assert house.files(run)["pre-images/requirements.txt"] == BROKEN


def test_a_cancel_between_rounds_undoes_what_the_first_did(house: House) -> None:
    run = house.submit()
    (tasks, payload), *_ = house.take_messages()
    for task in tasks:
        house.step(run, task.removeprefix("orchestrator."), payload["epoch"])
    assert (house.detail(run)["status"], house.detail(run)["current_step"]) == ("running", "analyze")
    cancel_run(house.tools, run, "kim")
    house.deliver()
    assert house.detail(run)["status"] == "rolled_back"
    assert house.manifest.read_bytes() == BROKEN


def test_a_protected_service_is_asked_for_each_round_anew(protected: House) -> None:
    run = protected.submit()
    digests = set()
    for version in (2, 3, 4):
        protected.deliver()
        detail = protected.detail(run)
        assert (detail["status"], detail["current_step"]) == ("awaiting_approval", "patch")
        assert detail["action_plan"]["version"] == version
        digests.add(detail["action_plan"]["digest"])
        answer(protected, run)
    protected.deliver()
    assert protected.detail(run)["status"] == "succeeded"
    assert len(digests) == 3


def test_a_no_in_a_later_round_undoes_the_earlier_ones(protected: House) -> None:
    run = protected.submit()
    protected.deliver()
    answer(protected, run)
    protected.deliver()
    assert protected.manifest.read_bytes() != BROKEN
    answer(protected, run, decision="reject")
    protected.deliver()
    detail = protected.detail(run)
    assert (detail["status"], detail["failure"]["code"]) == ("rolled_back", "approval_rejected")
    assert protected.manifest.read_bytes() == BROKEN


def test_the_time_to_answer_begins_anew_with_each_round(protected: House) -> None:
    run = protected.submit()
    protected.deliver()
    answer(protected, run)
    with protected.database.begin() as connection:
        connection.execute(text("UPDATE orchestrator_runs SET approval_expires_at = now() - interval '1 hour'"))
    protected.deliver()
    detail = protected.detail(run)
    assert (detail["status"], detail["action_plan"]["version"]) == ("awaiting_approval", 3)


def test_a_crash_of_a_patch_that_was_approved_needs_no_second_yes_though_the_first_is_over(
    protected: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = protected.submit()
    protected.deliver()
    answer(protected, run)

    class Died(BaseException):
        pass

    def die(name: str) -> None:
        if name == "patch.before_write":
            raise Died

    with monkeypatch.context() as patched:
        patched.setattr(sys.modules["moonmind.workflows.orchestrator.steps.patch"], "hit", die)
        with pytest.raises(Died):
            protected.deliver()
    with protected.database.begin() as connection:
        connection.execute(text("UPDATE approvals SET expires_at = now() - interval '1 hour'"))
        connection.execute(text("UPDATE orchestrator_runs SET approval_expires_at = now() - interval '1 hour'"))
    protected.lapse()
    protected.reap()
    protected.deliver()
    assert protected.detail(run)["action_plan"]["version"] == 3


def test_a_run_that_only_restarts_never_plans_a_change(house: House) -> None:
    run = house.submit("restart the shop")
    house.deliver()
    detail = house.detail(run)
    assert detail["status"] == "rolled_back"
    assert attempts(house, run, "analyze") == 1
    assert StepName.PATCH in statuses(detail)


def test_what_is_listed_and_not_installed_is_repaired_by_building_anew(house: House) -> None:
    house.manifest.write_bytes(BROKEN + b"python-dateutil\npyyaml\nattrs\n")
    run = house.submit()
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["action_plan"]["version"]) == ("succeeded", 1)
    assert house.runtime.calls.count("build") == 1
    preview = house.submit(dry_run=True)
    house.runtime.running = BROKEN.decode()
    house.deliver()
    assert "already lists" in house.detail(preview)["failure"]["reason"]
