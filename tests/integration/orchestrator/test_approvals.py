"""Runs that wait for people: whose word counts, for which plan, until when; over a real PostgreSQL and real files."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from moonmind.access.keys import Person
from moonmind.access.sessions import Lasting, close_all_of, open_session_for
from moonmind.access.use_cases import create_key, revoke_key
from moonmind.schemas.approvals import ApprovalGate
from moonmind.schemas.workflow_models import StepName
from moonmind.workflows.orchestrator import use_cases
from moonmind.workflows.orchestrator.approval_gates import keep_configured_gates, list_gates, put_gate
from moonmind.workflows.orchestrator.approvals import (
    ApprovalRefusedError,
    ApprovalRequest,
    ApprovalToken,
    answer_approval,
    issue_token,
    revoke_approval,
)
from moonmind.workflows.orchestrator.gates import Approver
from moonmind.workflows.orchestrator.use_cases import RunOverError, cancel_run
from moonmind.workflows.orchestrator.workspace import LocalWorkspace
from tests.support.house import BROKEN, STEPS, House, statuses

ANN, BEN = (Approver(name, frozenset({"approver"})) for name in ("ann", "ben"))
KIM = Approver("kim", frozenset({"operator", "approver"}))
"""Who asks for every run here."""


@pytest.fixture
def protected(tmp_path: Path, database: Engine) -> Callable[..., House]:
    """A house whose shop is protected; by default before anything is touched."""

    def make(**policy: Any) -> House:
        chosen = {"requirement": '"pre-run"', **policy}
        for person in (ANN, BEN):
            create_key(database, person.id, "key", ["approver"], None, actor="ada")
        return House(tmp_path, database, approval="{" + ", ".join(f"{k} = {v}" for k, v in chosen.items()) + "}")

    return make


def answer(house: House, run: UUID, who: Approver, **rest: Any) -> None:
    token = issue_token(house.tools, run, who, 60)
    answer_approval(house.tools, run, ApprovalRequest(who.id, token.role, ApprovalToken(token.id), **rest), who)


def refusal(house: House, run: UUID, who: Approver, **rest: Any) -> str:
    with pytest.raises(ApprovalRefusedError) as refused:
        answer(house, run, who, **rest)
    return refused.value.refusal.code


def waiting(house: House, **rest: Any) -> UUID:
    run = house.submit(**rest)
    house.deliver()
    assert house.detail(run)["status"] == "awaiting_approval"
    return run


def standing(house: House, run: UUID) -> list[Any]:
    query = text("SELECT id, approver, decision FROM approvals WHERE subject_id = :run AND revoked_at IS NULL")
    with house.database.connect() as connection:
        return list(connection.execute(query, {"run": run}).all())


def test_a_protected_service_is_not_touched_before_the_exact_diff_was_approved(
    protected: Callable[..., House],
) -> None:
    house = protected()
    run = waiting(house)
    detail = house.detail(run)
    assert (detail["approval_status"], detail["current_step"]) == ("awaiting", "patch")
    assert b"+python-dateutil" in house.files(run)["patch_preview.diff"]
    assert house.manifest.read_bytes() == BROKEN
    assert house.take_messages() == []
    answer(house, run, ANN, comment="looks right")
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["approval_status"]) == ("succeeded", "granted")
    assert statuses(detail) == dict.fromkeys(STEPS, "succeeded")
    (given,) = house.events(run, "approval_given")
    assert (given["actor"], given["payload"]["plan_digest"]) == ("ann", detail["action_plan"]["digest"])


def test_waiting_before_patch_leaves_the_lock_to_others(protected: Callable[..., House]) -> None:
    house = protected()
    first, second = house.submit(), house.submit("restart it", dry_run=True)
    house.deliver()
    assert (house.detail(first)["status"], house.detail(second)["status"]) == ("awaiting_approval", "succeeded")


def test_before_verify_the_change_runs_and_a_rejection_undoes_it(protected: Callable[..., House]) -> None:
    house = protected(requirement='"pre-verify"')
    run = waiting(house)
    assert house.detail(run)["current_step"] == "verify"
    assert house.runtime.healthy
    answer(house, run, ANN, decision="reject", comment="not today")
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["approval_status"], detail["rollback_verified"]) == (
        "rolled_back",
        "rejected",
        True,
    )
    assert detail["failure"]["code"] == "approval_rejected"
    assert house.manifest.read_bytes() == BROKEN


def test_a_rejection_before_patch_ends_the_run_at_once(protected: Callable[..., House]) -> None:
    house = protected()
    run = waiting(house)
    answer(house, run, ANN, decision="reject")
    detail = house.detail(run)
    assert (detail["status"], detail["failure"]["code"], detail["approval_status"]) == (
        "failed",
        "approval_rejected",
        "rejected",
    )
    assert refusal(house, run, BEN) == "not_awaiting"


@pytest.mark.parametrize(("requirement", "ending"), [("pre-run", "failed"), ("pre-verify", "rolled_back")])
def test_a_gate_that_nobody_opens_in_time_is_a_refusal(
    protected: Callable[..., House], requirement: str, ending: str
) -> None:
    house = protected(requirement=f'"{requirement}"')
    run = waiting(house)
    assert house.reap() == 0
    expire(house, "orchestrator_runs", "approval_expires_at")
    assert refusal(house, run, ANN) == "approval_expired"
    expire(house, "orchestrator_runs", "due_at")
    assert house.reap() == 1
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["failure"]["code"], detail["approval_status"]) == (
        ending,
        "approval_expired",
        "expired",
    )
    assert house.manifest.read_bytes() == BROKEN


def expire(house: House, table: str, column: str) -> None:
    with house.database.begin() as connection:
        connection.execute(text(f"UPDATE {table} SET {column} = clock_timestamp() - interval '1 second'"))


def test_an_approval_that_expired_before_the_run_went_on_is_asked_for_again(protected: Callable[..., House]) -> None:
    house = protected()
    run = waiting(house)
    answer(house, run, ANN)
    expire(house, "approvals", "expires_at")
    house.deliver()
    assert house.detail(run)["status"] == "awaiting_approval"
    assert house.manifest.read_bytes() == BROKEN


def test_whoever_asked_for_the_run_cannot_approve_it_also_not_by_another_key_or_in_other_letters(
    protected: Callable[..., House],
) -> None:
    house = protected()
    run = waiting(house)
    for name in ("kim", "Kim"):
        assert refusal(house, run, Approver(name, frozenset({"admin"}))) == "self_approval"
    assert [event["payload"]["code"] for event in house.events(run, "approval_refused")] == ["self_approval"] * 2
    assert house.detail(run)["status"] == "awaiting_approval"


def test_a_policy_may_allow_self_approval(protected: Callable[..., House]) -> None:
    house = protected(self_approval="true")
    run = waiting(house)
    answer(house, run, KIM)
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"


def test_as_many_distinct_people_as_the_policy_asks_for_must_agree(protected: Callable[..., House]) -> None:
    house = protected(required_approvals="2")
    run = waiting(house)
    answer(house, run, ANN)
    assert house.detail(run)["status"] == "awaiting_approval"
    assert refusal(house, run, Approver("ANN", ANN.roles)) == "answered_before"
    answer(house, run, BEN)
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"


def test_only_the_roles_that_the_policy_names_count(protected: Callable[..., House]) -> None:
    house = protected(approver_roles='["operator"]')
    run = waiting(house)
    assert refusal(house, run, ANN) == "role_not_held"
    answer(house, run, Approver("oli", frozenset({"operator"})))
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"


def test_an_approval_can_be_taken_back_until_the_work_begins(protected: Callable[..., House]) -> None:
    house = protected()
    run = waiting(house)
    answer(house, run, ANN)
    messages = house.take_messages()
    (given,) = standing(house, run)
    with pytest.raises(ApprovalRefusedError, match="only whoever gave"):
        revoke_approval(house.tools, run, given.id, BEN)
    revoke_approval(house.tools, run, given.id, ANN)
    ((_, payload),) = messages
    assert not house.step(run, "patch", payload["epoch"])
    assert house.detail(run)["status"] == "awaiting_approval"
    assert house.manifest.read_bytes() == BROKEN
    answer(house, run, ANN)
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"
    with pytest.raises(ApprovalRefusedError, match="has begun"):
        revoke_approval(house.tools, run, standing(house, run)[0].id, ANN)


def test_a_token_opens_one_gate_once_for_one_person(protected: Callable[..., House]) -> None:
    house = protected(required_approvals="3")
    run = waiting(house)
    token = ApprovalToken(issue_token(house.tools, run, ANN, 60).id)

    def codes(who: Approver, sent: ApprovalToken) -> str | None:
        try:
            answer_approval(house.tools, run, ApprovalRequest(who.id, "approver", sent), who)
        except ApprovalRefusedError as error:
            return error.refusal.code
        return None

    assert codes(BEN, token) == "token_of_another_person"
    assert codes(ANN, token) is None
    assert codes(BEN, ApprovalToken(issue_token(house.tools, waiting(house), BEN, 60).id)) == "token_of_another_run"
    assert codes(BEN, ApprovalToken(None)) == "token_invalid"
    assert codes(BEN, ApprovalToken(uuid.uuid4())) == "token_invalid"
    late = ApprovalToken(issue_token(house.tools, run, BEN, 60).id)
    expire(house, "approval_tokens", "expires_at")
    assert codes(BEN, late) == "token_invalid"
    assert len(standing(house, run)) == 1
    assert len(house.events(run, "approval_refused")) == 5


def test_nobody_answers_in_the_name_of_another(protected: Callable[..., House]) -> None:
    house = protected()
    run = waiting(house)
    token = ApprovalToken(issue_token(house.tools, run, ANN, 60).id)
    with pytest.raises(ApprovalRefusedError) as refused:
        answer_approval(house.tools, run, ApprovalRequest("ann", "approver", token), BEN)
    assert refused.value.refusal.forbidden


def test_a_dry_run_can_be_approved_beforehand_and_counts_for_the_same_plan_only(
    protected: Callable[..., House],
) -> None:
    house = protected()
    dry = house.submit(dry_run=True)
    house.deliver()
    tokens = [ApprovalToken(issue_token(house.tools, dry, ANN, 60).id) for _ in range(2)]
    with pytest.raises(ApprovalRefusedError, match="may not approve"):
        house.submit(approval_token=ApprovalToken(issue_token(house.tools, dry, KIM_FOR_ANN, 60).id), by="ann")
    house.manifest.write_bytes(BROKEN + b"humanize\n")
    changed = waiting(house, approval_token=tokens[0])
    assert house.detail(changed)["approval_status"] == "awaiting"
    cancel_run(house.tools, changed, "kim")
    house.manifest.write_bytes(BROKEN)
    same = house.submit(approval_token=tokens[1])
    house.deliver()
    assert (house.detail(same)["status"], house.detail(same)["approval_status"]) == ("succeeded", "granted")
    with pytest.raises(ApprovalRefusedError, match="was used"):
        house.submit(approval_token=tokens[1])


KIM_FOR_ANN = Approver("ann", frozenset({"approver"}))


def test_a_file_that_changed_while_the_run_waited_is_not_written_over(protected: Callable[..., House]) -> None:
    house = protected()
    run = waiting(house)
    house.manifest.write_bytes(b"theirs\n")
    answer(house, run, ANN)
    house.deliver()
    assert (house.detail(run)["status"], house.detail(run)["failure"]["code"]) == ("failed", "changed_by_others")
    assert house.manifest.read_bytes() == b"theirs\n"


def test_a_waiting_run_can_be_cancelled(protected: Callable[..., House]) -> None:
    house = protected()
    run = waiting(house)
    cancel_run(house.tools, run, "kim")
    assert house.detail(run)["status"] == "cancelled"
    assert refusal(house, run, ANN) == "not_awaiting"
    with pytest.raises(RunOverError):
        cancel_run(house.tools, run, "kim")


def test_a_waiting_run_whose_change_is_in_place_is_undone_when_cancelled(protected: Callable[..., House]) -> None:
    house = protected(requirement='"pre-verify"')
    run = waiting(house)
    cancel_run(house.tools, run, "kim")
    house.deliver()
    assert (house.detail(run)["status"], house.detail(run)["rollback_verified"]) == ("rolled_back", True)


def test_a_policy_that_tightens_while_a_run_is_on_its_way_holds_it(protected: Callable[..., House]) -> None:
    house = protected(requirement='"none"')
    run = house.submit()
    assert house.step(run, "analyze")
    put_gate(house.tools, "shop", ApprovalGate(requirement="pre-run"), "root")
    assert not house.step(run, "patch")
    assert house.detail(run)["status"] == "awaiting_approval"
    assert house.manifest.read_bytes() == BROKEN


def test_what_the_api_set_stays_in_force_over_the_file(protected: Callable[..., House]) -> None:
    house = protected()
    assert list_gates(house.tools)["shop"] == (ApprovalGate(requirement="pre-run"), "config")
    put_gate(house.tools, "shop", ApprovalGate(requirement="pre-verify"), "root")
    keep_configured_gates(house.tools)
    assert list_gates(house.tools)["shop"] == (ApprovalGate(requirement="pre-verify"), "api")


def test_a_gate_that_the_file_gives_up_is_given_up_at_the_next_start(protected: Callable[..., House]) -> None:
    house = protected()
    config = (house.home / "config.toml").read_text()
    (house.home / "config.toml").write_text(config.replace("pre-run", "none"))
    house.restart()
    run = house.submit()
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"


@pytest.mark.parametrize("distinct", [True, False])
def test_of_fifty_who_approve_at_once_one_succeeds_and_every_refusal_is_on_record(
    protected: Callable[..., House], distinct: bool
) -> None:
    house = protected()
    run = waiting(house)
    people = [Approver(f"ann{n}" if distinct else "ann", frozenset({"approver"})) for n in range(50)]
    tokens = [ApprovalToken(issue_token(house.tools, run, who, 60).id) for who in people]
    together = threading.Barrier(50)

    def approve(who: Approver, token: ApprovalToken) -> str:
        together.wait(30)
        try:
            answer_approval(house.tools, run, ApprovalRequest(who.id, "approver", token), who)
        except ApprovalRefusedError as error:
            return error.refusal.code
        return "ok"

    with ThreadPoolExecutor(50) as pool:
        outcomes = list(pool.map(approve, people, tokens))
    assert sorted(outcomes) == ["not_awaiting"] * 49 + ["ok"]
    assert len(standing(house, run)) == 1
    assert len(house.events(run, "approval_refused")) == 49
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"


def test_an_earlier_end_than_the_policys_can_be_given_and_a_past_one_is_refused(
    protected: Callable[..., House],
) -> None:
    house = protected()
    run = waiting(house)
    assert refusal(house, run, ANN, expires_at=datetime.now(UTC) - timedelta(seconds=1)) == "expires_in_the_past"
    answer(house, run, ANN, expires_at=datetime.now(UTC) + timedelta(minutes=2))
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"


def test_a_policy_that_is_given_up_lets_the_waiting_go_and_is_on_record(protected: Callable[..., House]) -> None:
    house = protected(required_approvals="2")
    run = waiting(house)
    answer(house, run, ANN)
    put_gate(house.tools, "shop", ApprovalGate(requirement="pre-run"), "root")
    assert house.detail(run)["approval_status"] == "granted"
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"
    with house.database.connect() as connection:
        query = text("SELECT actor FROM run_events WHERE subject_kind = 'approval_gate' ORDER BY sequence")
        assert connection.execute(query).scalars().all() == ["system", "root"]


def test_an_approved_run_that_waits_for_its_group_can_be_cancelled_at_once(protected: Callable[..., House]) -> None:
    house = protected()
    run = waiting(house)
    other = house.submit("restart it")
    assert house.tools.store.claim(other, 1, StepName.ANALYZE, owner="elsewhere", lease=60, task="task")
    answer(house, run, ANN)
    house.deliver()
    assert house.detail(run)["status"] == "running"
    cancel_run(house.tools, run, "kim")
    assert house.detail(run)["status"] == "cancelled"


def test_one_token_used_both_ways_at_once_is_used_once(protected: Callable[..., House]) -> None:
    house = protected()
    dry = house.submit(dry_run=True)
    house.deliver()
    token = ApprovalToken(issue_token(house.tools, dry, ANN, 60).id)

    def use(number: int) -> bool:
        try:
            if number % 2:
                house.submit(approval_token=token)
            else:
                answer_approval(house.tools, dry, ApprovalRequest("ann", "approver", token), ANN)
        except ApprovalRefusedError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(use, range(64))) == 1


def test_a_token_is_not_used_up_by_a_run_that_needs_none(protected: Callable[..., House]) -> None:
    house = protected()
    dry = house.submit(dry_run=True)
    house.deliver()
    token = ApprovalToken(issue_token(house.tools, dry, ANN, 60).id)
    with pytest.raises(ApprovalRefusedError, match="send no token"):
        house.submit(dry_run=True, approval_token=token)
    house.submit(approval_token=token)


def test_what_is_under_way_with_a_yes_goes_on_though_the_policy_tightens(
    protected: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = protected(requirement='"none"')
    real = LocalWorkspace.write

    def tighten_and_write(self: LocalWorkspace, path: str, content: bytes, *, expect_sha256: str | None) -> None:
        put_gate(house.tools, "shop", ApprovalGate(requirement="pre-run"), "root")
        real(self, path, content, expect_sha256=expect_sha256)

    monkeypatch.setattr(LocalWorkspace, "write", tighten_and_write)
    run = house.submit()
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"


def test_whoever_approved_and_was_too_early_can_approve_again(protected: Callable[..., House]) -> None:
    house = protected()
    run = waiting(house)
    answer(house, run, ANN)
    expire(house, "approvals", "expires_at")
    house.deliver()
    answer(house, run, ANN)
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"
    assert [bool(a["revoked_at"]) for a in house.detail(run)["approvals"]] == [True, False]


def test_a_run_that_ends_while_it_waits_says_so_and_keeps_its_metrics(protected: Callable[..., House]) -> None:
    house = protected()
    cancelled, rejected = waiting(house), waiting(house)
    cancel_run(house.tools, cancelled, "kim")
    answer(house, rejected, ANN, decision="reject")
    assert [house.detail(run)["approval_status"] for run in (cancelled, rejected)] == ["expired", "rejected"]
    assert all("analyze" in house.detail(run)["metrics"] for run in (cancelled, rejected))


def test_a_policy_given_up_while_a_run_is_about_to_wait_lets_it_go(
    protected: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = protected()
    changing: list[threading.Thread] = []

    def change_policy(name: str) -> None:
        if name == "record.before_commit" and not changing:
            changing.append(threading.Thread(target=put_gate, args=(house.tools, "shop", ApprovalGate(), "root")))
            changing[0].start()
            blocked = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            with house.database.connect() as connection:
                while connection.execute(blocked).scalar_one() == 0:
                    connection.rollback()

    monkeypatch.setattr(use_cases, "hit", change_policy)
    run = house.submit()
    house.step(run, "analyze")
    changing[0].join(30)
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"


def test_a_gate_that_could_not_be_stored_at_the_start_is_shut_all_the_same(protected: Callable[..., House]) -> None:
    house = protected()
    with house.database.begin() as connection:
        connection.execute(text("DELETE FROM approval_gates"))
    waiting(house)
    assert list_gates(house.tools)["shop"] == (ApprovalGate(requirement="pre-run"), "config")


def test_a_token_opens_nothing_once_its_owner_has_no_key_for_it(protected: Callable[..., House]) -> None:
    house = protected()
    dry = house.submit(dry_run=True)
    house.deliver()
    key, row = create_key(house.database, "ann2", "key", ["approver"], None, actor="ada")
    token = ApprovalToken(issue_token(house.tools, dry, Approver("ann2", frozenset({"approver"})), 60).id)
    revoke_key(house.database, row["key_id"], actor="ada")
    with pytest.raises(ApprovalRefusedError, match="has no key or sign-in any more"):
        house.submit(approval_token=token)
    assert key.startswith("mm_")


def test_a_token_of_somebody_without_a_key_holds_as_long_as_they_are_signed_in(
    protected: Callable[..., House],
) -> None:
    house = protected()
    dry = house.submit(dry_run=True)
    house.deliver()
    eve, lasting = Person("eve", frozenset({"approver"})), Lasting.of(hours=1, idle_minutes=5)

    def token() -> ApprovalToken:
        return ApprovalToken(issue_token(house.tools, dry, Approver(eve.owner, eve.roles), 60).id)

    open_session_for(house.database, lasting, eve)
    house.submit(approval_token=token())
    assert close_all_of(house.database, "EVE") == 1
    open_session_for(house.database, lasting, Person("eve", frozenset({"viewer"})))
    with pytest.raises(ApprovalRefusedError, match="has no key or sign-in any more"):
        house.submit(approval_token=token())
