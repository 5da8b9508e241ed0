"""Taking ended runs up again, over a real PostgreSQL and real files."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine

from moonmind.schemas.workflow_models import StepName
from moonmind.workflows.orchestrator.approvals import (
    ApprovalRequest,
    ApprovalToken,
    RunNotFoundError,
    answer_approval,
    issue_token,
)
from moonmind.workflows.orchestrator.gates import Approver
from moonmind.workflows.orchestrator.ports import StepFailedError
from moonmind.workflows.orchestrator.retry import NotResumableError, RetryRequest, RunNotOverError, retry_run
from moonmind.workflows.orchestrator.use_cases import IdempotencyConflictError, cancel_run
from tests.support.house import BROKEN, STEPS, House, statuses

ANN = Approver("ann", frozenset({"approver"}))


@pytest.fixture
def house(tmp_path: Path, database: Engine) -> House:
    return House(tmp_path, database)


def retry(house: House, run: UUID, step: str | None = None, *, by: str = "kim", **rest: Any) -> UUID:
    request = RetryRequest(StepName(step) if step else None, **rest)
    return retry_run(house.tools, run, request, by, uuid.uuid4)


def undone(house: House) -> UUID:
    """A run whose change did not help, because of something that has been mended since."""
    works, house.runtime.works = house.runtime.works, lambda text: False
    run = house.submit()
    house.deliver()
    house.runtime.works = works
    assert house.detail(run)["status"] == "rolled_back"
    return run


@pytest.mark.parametrize("step", [*STEPS[1:], None])
def test_an_undone_run_is_done_again_from_patch_without_another_analysis(house: House, step: str | None) -> None:
    old = undone(house)
    new = retry(house, old, step, reason="the index is back")
    house.deliver()
    detail = house.detail(new)
    assert (detail["status"], detail["retried_from"]) == ("succeeded", old)
    assert statuses(detail) == {"analyze": "skipped", **dict.fromkeys(STEPS[1:], "succeeded")}
    assert detail["steps"][0]["message"] == f"taken over from run {old}"
    assert detail["action_plan"]["digest"] == house.detail(old)["action_plan"]["digest"]
    assert b"python-dateutil" in house.manifest.read_bytes()
    assert house.files(new)["patch_preview.diff"] == house.files(old)["patch_preview.diff"]
    assert house.events(new)[0]["payload"]["reason"] == "the index is back"


def test_from_analyze_everything_is_looked_at_again(house: House) -> None:
    old = undone(house)
    house.manifest.write_bytes(b"# nothing like before\n")
    new = retry(house, old, "analyze")
    house.deliver()
    assert statuses(house.detail(new)) == dict.fromkeys(STEPS, "succeeded")
    assert house.manifest.read_bytes().startswith(b"# nothing like before\n")


@pytest.mark.parametrize(("step", "effects"), [("build", 2), ("restart", 1), ("verify", 0)])
def test_a_run_that_succeeded_goes_on_from_where_it_is_asked_to(house: House, step: str, effects: int) -> None:
    old = house.submit()
    house.deliver()
    house.runtime.calls.clear()
    new = retry(house, old, step)
    house.deliver()
    detail = house.detail(new)
    skipped = STEPS[: STEPS.index(step)]
    assert detail["status"] == "succeeded"
    assert [name for name, status in statuses(detail).items() if status == "skipped"] == skipped
    assert len([call for call in house.runtime.calls if call in ("build", "restart")]) == effects


def test_a_retry_of_a_success_that_breaks_the_service_is_undone_to_the_success(house: House) -> None:
    old = house.submit()
    house.deliver()
    after = house.manifest.read_bytes()
    house.runtime.fails["build"] = StepFailedError("build_failed", "no")
    new = retry(house, old, "build")
    house.deliver()
    assert (house.detail(new)["status"], house.detail(new)["rollback_verified"]) == ("rolled_back", True)
    assert house.manifest.read_bytes() == after
    assert house.runtime.healthy


def test_changed_files_are_refused_by_name_and_no_run_is_made(house: House) -> None:
    old = undone(house)
    house.manifest.write_bytes(b"theirs\n")
    with pytest.raises(NotResumableError) as refused:
        retry(house, old, "build")
    assert refused.value.refusal.files == ("requirements.txt",)
    assert house.take_messages() == []


def test_a_dry_run_is_applied_by_its_retry(house: House) -> None:
    dry = house.submit(dry_run=True)
    house.deliver()
    new = retry(house, dry)
    house.deliver()
    assert statuses(house.detail(new)) == {"analyze": "skipped", **dict.fromkeys(STEPS[1:], "succeeded")}


def test_an_undoing_that_could_not_be_verified_is_tried_again(house: House) -> None:
    house.runtime.works = lambda text: False
    house.runtime.fails["restore"] = StepFailedError("restore_failed", "the image is in use")
    old = house.submit()
    house.deliver()
    assert house.detail(old)["rollback_verified"] is False
    assert house.runtime.image != BROKEN.decode()
    del house.runtime.fails["restore"]
    new = retry(house, old)
    house.deliver()
    detail = house.detail(new)
    assert (detail["status"], detail["rollback_verified"], detail["retried_from"]) == ("rolled_back", True, old)
    assert statuses(detail) == {**dict.fromkeys(STEPS, "skipped"), "rollback": "succeeded"}
    assert house.runtime.image == house.runtime.running == BROKEN.decode()
    assert house.manifest.read_bytes() == BROKEN
    assert house.runtime.marks == {}, "what was kept for it is forgotten now"


def test_a_file_that_could_not_be_put_back_is_put_back_later(house: House) -> None:
    run = house.submit()
    for name in ("analyze", "patch"):
        assert house.step(run, name)
    mine = house.manifest.read_bytes()
    house.manifest.write_bytes(b"theirs\n")
    house.runtime.fails["build"] = StepFailedError("build_failed", "no")
    house.step(run, "build")
    house.deliver()
    assert house.detail(run)["rollback_verified"] is False
    house.manifest.write_bytes(mine)  # they gave their change up
    new = retry(house, run, "rollback")
    house.deliver()
    assert (house.detail(new)["status"], house.detail(new)["rollback_verified"]) == ("rolled_back", True)
    assert house.manifest.read_bytes() == BROKEN


def test_a_retried_undoing_that_was_not_begun_can_be_cancelled(house: House) -> None:
    house.runtime.works = lambda text: False
    house.runtime.fails["restore"] = StepFailedError("restore_failed", "the image is in use")
    old = house.submit()
    house.deliver()
    new = retry(house, old, "rollback")
    cancel_run(house.tools, new, "kim")
    house.deliver()
    assert house.detail(new)["status"] == "cancelled"


def test_only_an_ended_run_is_retried(house: House) -> None:
    with pytest.raises(RunNotOverError):
        retry(house, house.submit())
    with pytest.raises(RunNotFoundError):
        retry(house, uuid.uuid4())


def test_the_same_key_gives_the_same_retry_and_another_step_is_a_conflict(house: House) -> None:
    old = undone(house)
    first = retry(house, old, "patch", idempotency_key="k")
    assert retry(house, old, "patch", idempotency_key="k") == first
    with pytest.raises(IdempotencyConflictError):
        retry(house, old, "analyze", idempotency_key="k")


def approve(house: House, run: UUID) -> None:
    token = issue_token(house.tools, run, ANN, 60)
    answer_approval(house.tools, run, ApprovalRequest("ann", "approver", ApprovalToken(token.id)), ANN)
    house.deliver()


def test_what_was_approved_stays_approved_for_the_same_plan(tmp_path: Path, database: Engine) -> None:
    house = House(tmp_path, database, approval='{ requirement = "pre-run" }')
    works, house.runtime.works = house.runtime.works, lambda text: False
    old = house.submit()
    house.deliver()
    approve(house, old)
    house.runtime.works = works
    assert house.detail(old)["status"] == "rolled_back"
    own = retry(house, old, by="ann")
    house.deliver()
    assert house.detail(own)["status"] == "awaiting_approval", "whoever asks does not approve"
    cancel_run(house.tools, own, "ann")
    new = retry(house, old)
    house.deliver()
    assert (house.detail(new)["status"], house.detail(new)["approval_status"]) == ("succeeded", "granted")


def test_a_retry_with_another_plan_asks_again(tmp_path: Path, database: Engine) -> None:
    house = House(tmp_path, database, approval='{ requirement = "pre-run" }')
    works, house.runtime.works = house.runtime.works, lambda text: False
    old = house.submit()
    house.deliver()
    approve(house, old)
    house.runtime.works = works
    house.manifest.write_bytes(BROKEN + b"humanize\n")
    new = retry(house, old, "analyze")
    house.deliver()
    assert house.detail(new)["status"] == "awaiting_approval"


def test_a_protected_service_is_not_built_anew_without_a_yes(tmp_path: Path, database: Engine) -> None:
    house = House(tmp_path, database)
    old = house.submit()
    house.deliver()
    (house.home / "config.toml").write_text(
        (house.home / "config.toml").read_text() + 'approval = { requirement = "pre-run" }\n'
    )
    house.restart()
    house.runtime.calls.clear()
    new = retry(house, old, "build")
    house.deliver()
    assert (house.detail(new)["status"], house.detail(new)["current_step"]) == ("awaiting_approval", "build")
    assert house.runtime.calls == []


def test_a_file_that_became_something_else_counts_as_changed(house: House) -> None:
    old = undone(house)
    house.manifest.unlink()
    house.manifest.symlink_to("app.py")
    with pytest.raises(NotResumableError) as refused:
        retry(house, old)
    assert (refused.value.refusal.code, refused.value.refusal.files) == ("inputs_changed", ("requirements.txt",))


def test_a_change_whose_diff_is_gone_is_not_taken_over(house: House) -> None:
    old = undone(house)
    (house.home / "var" / "artifacts" / "spec_workflows" / str(old) / "patch_preview.diff").unlink()
    with pytest.raises(NotResumableError, match="are gone"):
        retry(house, old)
    retry(house, old, "analyze")


@pytest.mark.parametrize("step", ["build", "restart", "verify"])
def test_what_changes_while_a_retry_waits_for_its_turn_is_not_built(house: House, step: str) -> None:
    old = house.submit()
    house.deliver()
    new = retry(house, old, step)
    house.runtime.calls.clear()
    house.manifest.write_bytes(house.manifest.read_bytes() + b"what-nobody-looked-at\n")
    house.deliver()
    assert (house.detail(new)["status"], house.detail(new)["failure"]["code"]) == ("failed", "changed_by_others")
    assert not {"build", "restart"} & set(house.runtime.calls)


def alarming(house: House) -> UUID:
    """A run whose undoing could not be verified, and what it left was put right by hand."""
    works, house.runtime.works = house.runtime.works, lambda text: False
    house.runtime.fails["restore"] = StepFailedError("restore_failed", "the image is in use")
    run = house.submit()
    house.deliver()
    del house.runtime.fails["restore"]
    house.runtime.works = works
    house.runtime.image = house.runtime.running = BROKEN.decode()
    return run


@pytest.mark.parametrize("asked", ["rollback", None])
def test_an_undoing_is_not_taken_up_again_over_what_a_later_run_did(house: House, asked: str | None) -> None:
    old = alarming(house)
    later = house.submit()
    house.deliver()
    repaired = house.manifest.read_bytes()
    with pytest.raises(NotResumableError) as refused:
        retry(house, old, asked)
    assert str(later) in str(refused.value) or refused.value.refusal.files == ("requirements.txt",)
    assert (house.manifest.read_bytes(), house.runtime.healthy) == (repaired, True)


def test_an_undoing_that_waited_behind_another_run_undoes_nothing(house: House) -> None:
    old = alarming(house)
    between, late = house.submit(), retry(house, old, "rollback")
    house.deliver()
    assert house.detail(between)["status"] == "succeeded"
    detail = house.detail(late)
    assert (detail["status"], detail["rollback_verified"]) == ("rolled_back", False)
    assert "nothing was undone" in detail["steps"][-1]["message"]
    assert house.runtime.healthy


def test_an_undoing_is_taken_up_again_once(house: House) -> None:
    old = alarming(house)
    retry(house, old)
    house.deliver()
    with pytest.raises(NotResumableError):
        retry(house, old, "rollback")


def test_an_undoing_that_was_cancelled_before_it_began_can_be_taken_up(house: House) -> None:
    old = alarming(house)
    cancel_run(house.tools, retry(house, old), "kim")
    again = retry(house, old)
    house.deliver()
    assert house.detail(again)["rollback_verified"] is True
