"""Approvals and their gates over HTTP: whose word counts, and what is said when it does not."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from api_service.api.refusals import APPROVAL_REMEDIES
from moonmind.workflows.orchestrator import approvals, gates
from tests.support.front import FIX, RUNS, Front
from tests.support.house import BROKEN, STEPS, statuses

Protected = Callable[..., Front]
SOON = "2999-01-01T00:00:00Z"


def expire(front: Front, table: str, column: str) -> None:
    with front.house.database.begin() as connection:
        connection.execute(text(f"UPDATE {table} SET {column} = clock_timestamp() - interval '1 second'"))


def test_a_waiting_run_says_for_whom_and_an_approval_lets_it_go_on(protected: Protected) -> None:
    front = protected()
    run = front.waiting()
    waiting = front.detail(run)
    assert (waiting["approval_required"], waiting["approval_status"], waiting["current_step"]) == (
        True,
        "awaiting",
        "patch",
    )
    until = waiting["awaiting"].pop("expires_at")
    assert until > waiting["queued_at"]
    assert waiting["awaiting"] == {
        "requirement": "pre-run",
        "approver_roles": ["approver"],
        "required_approvals": 1,
        "self_approval": False,
        "agreed": [],
    }
    given = front.call("ann", "POST", f"{RUNS}/{run}/approval-tokens")
    assert given.status_code == 201
    token = given.json()
    assert set(token) == {"token", "approver", "plan_digest", "expires_at"}
    assert token["approver"] == {"id": "ann", "role": "approver"}
    assert token["plan_digest"] == waiting["action_plan"]["digest"]
    answer = front.answer("ann", run, token["token"], comment="looks right", expires_at=SOON)
    assert (answer.status_code, answer.json()["run_id"], answer.json()["approval_status"]) == (200, run, "granted")
    front.house.deliver()
    detail = front.detail(run)
    assert (detail["status"], detail["awaiting"]) == ("succeeded", None)
    assert statuses(detail) == dict.fromkeys(STEPS, "succeeded")
    (approval,) = detail["approvals"]
    assert set(approval) == {
        *("approval_id", "approver", "role", "decision", "plan_digest"),
        *("comment", "granted_at", "expires_at", "revoked_at"),
    }
    assert (approval["approver"], approval["role"], approval["decision"]) == ("ann", "approver", "approve")
    assert (approval["comment"], approval["revoked_at"]) == ("looks right", None)
    assert approval["expires_at"] < SOON, "no longer than the gate allows"


def test_a_rejection_ends_the_run_with_nothing_touched(protected: Protected) -> None:
    front = protected()
    run = front.waiting()
    summary = front.answer("ann", run, decision="reject", comment="not today").json()
    assert (summary["status"], summary["approval_status"]) == ("failed", "rejected")
    assert summary["failure"]["code"] == "approval_rejected"
    assert front.house.manifest.read_bytes() == BROKEN


def asks_in_anothers_name(front: Front, run: str) -> Any:
    token = front.token("ann", run)
    body = {"approver": {"id": "ann", "role": "approver"}, "token": token}
    return front.call("ben", "POST", f"{RUNS}/{run}/approvals", body)


def answers_after_the_end(front: Front, run: str) -> Any:
    late = front.token("ben", run)
    front.answer("ann", run, decision="reject")
    return front.answer("ben", run, late)


def asks_without_the_role(front: Front, run: str) -> Any:
    return front.call("vic", "POST", f"{RUNS}/{run}/approval-tokens")


def asks_in_a_role_that_does_not_count(front: Front, run: str) -> Any:
    return front.call("oli", "POST", f"{RUNS}/{run}/approval-tokens", {"role": "operator"})


def approves_her_own_run(front: Front, run: str) -> Any:
    return front.call("kim", "POST", f"{RUNS}/{run}/approval-tokens")


def answers_when_the_time_is_over(front: Front, run: str) -> Any:
    token = front.token("ann", run)
    expire(front, "orchestrator_runs", "approval_expires_at")
    return front.answer("ann", run, token)


def answers_twice(front: Front, run: str) -> Any:
    again = front.token("ann", run)
    assert front.answer("ann", run).status_code == 200
    return front.answer("ann", run, again)


def approves_until_yesterday(front: Front, run: str) -> Any:
    return front.answer("ann", run, expires_at="2001-01-01T00:00:00+00:00")


def replays_a_token(front: Front, run: str) -> Any:
    token = front.token("ann", run)
    front.answer("ann", run, token)
    with front.house.database.begin() as connection:  # so that the token alone is what is wrong
        connection.execute(text("UPDATE approvals SET revoked_at = now()"))
    return front.answer("ann", run, token)


def sends_an_old_token(front: Front, run: str) -> Any:
    token = front.token("ann", run)
    expire(front, "approval_tokens", "expires_at")
    return front.answer("ann", run, token)


def forges_a_token(front: Front, run: str) -> Any:
    number = front.client.app.state.context.approval_tokens.unsign(front.token("ann", run))  # type: ignore[attr-defined]
    return front.answer("ann", run, number)


def sends_the_signature_of_an_artifacts_address(front: Front, run: str) -> Any:
    context = front.client.app.state.context  # type: ignore[attr-defined]
    return front.answer("ann", run, context.addresses.sign(context.approval_tokens.unsign(front.token("ann", run))))


def sends_a_token_of_another_run(front: Front, run: str) -> Any:
    return front.answer("ann", run, front.token("ann", front.waiting()))


def sends_a_token_of_another_person(front: Front, run: str) -> Any:
    return front.answer("ben", run, front.token("ann", run))


def approves_a_plan_that_changed_meanwhile(front: Front, run: str) -> Any:
    token = front.token("ann", run)
    with front.house.database.begin() as connection:
        connection.execute(text("UPDATE orchestrator_action_plans SET digest = 'another'"))
    return front.answer("ann", run, token)


def takes_back_what_has_begun(front: Front, run: str) -> Any:
    for who in ("ann", "ben"):
        assert front.answer(who, run).status_code == 200
    front.house.deliver()
    approval = front.detail(run)["approvals"][0]["approval_id"]
    return front.call("ann", "DELETE", f"{RUNS}/{run}/approvals/{approval}")


def takes_anothers_answer_back(front: Front, run: str) -> Any:
    front.answer("ann", run)
    approval = front.detail(run)["approvals"][0]["approval_id"]
    return front.call("ben", "DELETE", f"{RUNS}/{run}/approvals/{approval}")


REFUSED: list[tuple[Callable[[Front, str], Any], int, str]] = [
    (asks_in_anothers_name, 403, "not_the_approver"),
    (takes_anothers_answer_back, 403, "not_the_approver"),
    (asks_without_the_role, 403, "role_not_held"),
    (asks_in_a_role_that_does_not_count, 403, "role_not_asked"),
    (approves_her_own_run, 403, "self_approval"),
    (answers_after_the_end, 409, "not_awaiting"),
    (answers_when_the_time_is_over, 409, "approval_expired"),
    (answers_twice, 409, "answered_before"),
    (approves_until_yesterday, 409, "expires_in_the_past"),
    (replays_a_token, 409, "token_invalid"),
    (sends_an_old_token, 409, "token_invalid"),
    (forges_a_token, 409, "token_invalid"),
    (sends_the_signature_of_an_artifacts_address, 409, "token_invalid"),
    (sends_a_token_of_another_run, 409, "token_of_another_run"),
    (sends_a_token_of_another_person, 409, "token_of_another_person"),
    (approves_a_plan_that_changed_meanwhile, 409, "plan_changed"),
    (takes_back_what_has_begun, 409, "too_late"),
]


@pytest.mark.parametrize(("attempt", "status", "code"), REFUSED, ids=lambda value: getattr(value, "__name__", None))
def test_what_does_not_count_is_refused_and_on_record(
    protected: Protected, attempt: Callable[[Front, str], Any], status: int, code: str
) -> None:
    front = protected(required_approvals="2")
    run = front.waiting()
    answer = attempt(front, run)
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert answer.json()["remediation"] == APPROVAL_REMEDIES[code]
    assert [refused for _, refused in front.refusals(run)] == [code]


def test_there_is_something_to_do_about_every_refusal() -> None:
    sources = [Path(str(module.__file__)).read_text(encoding="utf-8") for module in (approvals, gates)]
    codes = {code for source in sources for code in re.findall(r'Refusal\(\s*"(\w+)"', source)}
    assert codes == set(APPROVAL_REMEDIES) == {code for _, _, code in REFUSED}


def test_a_waiting_run_says_who_agreed_as_the_gate_counts(protected: Protected) -> None:
    front = protected(required_approvals="2")
    run = front.waiting()
    assert front.answer("ann", run).status_code == 200
    assert front.detail(run)["awaiting"]["agreed"] == ["ann"]
    asked = {"requirement": "pre-run", "required_approvals": 2, "approver_roles": ["admin"]}
    assert front.call("ada", "PUT", "/orchestrator/approval-gates/shop", asked).status_code == 200
    assert front.detail(run)["awaiting"]["agreed"] == [], "an approver's word is not asked for any more"
    expire(front, "approvals", "expires_at")
    allowed = {**asked, "approver_roles": ["approver"]}
    assert front.call("ada", "PUT", "/orchestrator/approval-gates/shop", allowed).status_code == 200
    assert front.detail(run)["awaiting"]["agreed"] == [], "its time is over"


def test_an_answer_can_be_taken_back_by_whoever_gave_it_and_by_an_admin(protected: Protected) -> None:
    front = protected()
    run = front.waiting()
    for who in ("ann", "ada"):
        assert front.answer("ann", run).status_code == 200
        approval = front.detail(run)["approvals"][-1]["approval_id"]
        taken = front.call(who, "DELETE", f"{RUNS}/{run}/approvals/{approval}")
        assert (taken.status_code, taken.json()["status"]) == (200, "awaiting_approval")
        again = front.call(who, "DELETE", f"{RUNS}/{run}/approvals/{approval}")
        assert (again.status_code, again.json()["error"]) == (404, "approval_not_found")
    assert all(approval["revoked_at"] for approval in front.detail(run)["approvals"])


def test_what_does_not_exist_cannot_be_approved(protected: Protected) -> None:
    front = protected()
    nowhere = f"{RUNS}/{uuid.uuid4()}"
    assert front.call("ann", "POST", f"{nowhere}/approval-tokens").json()["error"] == "run_not_found"
    assert front.answer("ann", str(uuid.uuid4()), "x").status_code == 404
    assert front.call("ann", "DELETE", f"{nowhere}/approvals/{uuid.uuid4()}").json()["error"] == "run_not_found"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"approver": {"id": "ann"}}, "approver.role"),
        ({"approver": {"id": "ann", "role": "root"}}, "approver.role"),
        ({"approver": {"id": "ann", "role": "approver", "name": "Ann"}}, "approver.name"),
        ({"token": None}, "token"),
        ({"token": ""}, "token"),
        ({"decision": "maybe"}, "decision"),
        ({"comment": "x" * 2001}, "comment"),
        ({"expires_at": "2999-01-01T00:00:00"}, "expires_at"),
        ({"expires_at": 32503680000}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"status": "granted"}, "status"),
    ],
)
def test_a_wrong_field_is_named(protected: Protected, change: dict[str, object], field: str) -> None:
    front = protected()
    body = {"approver": {"id": "ann", "role": "approver"}, "token": "x", **change}
    answer = front.call("ann", "POST", f"{RUNS}/{uuid.uuid4()}/approvals", body)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [field])


def test_a_comment_with_nul_is_refused(protected: Protected) -> None:
    front = protected()
    answer = front.answer("ann", front.waiting(), "x", comment="a\0b")
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid_json")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{RUNS}/{uuid.UUID(int=0)}/approval-tokens"),
        ("POST", f"{RUNS}/{uuid.UUID(int=0)}/approvals"),
        ("DELETE", f"{RUNS}/{uuid.UUID(int=0)}/approvals/{uuid.UUID(int=0)}"),
        ("POST", f"{RUNS}/{uuid.UUID(int=0)}/retry"),
        ("GET", "/orchestrator/approval-gates"),
        ("PUT", "/orchestrator/approval-gates/shop"),
        ("DELETE", "/orchestrator/approval-gates/shop"),
    ],
)
def test_nothing_of_it_is_open_to_strangers(protected: Protected, method: str, path: str) -> None:
    assert protected().client.request(method, path).status_code == 401


def test_of_fifty_approvals_at_once_one_counts(protected: Protected) -> None:
    front = protected()
    run = front.waiting()
    tokens = [front.token("ann", run) for _ in range(50)]
    together = threading.Barrier(50)

    def approve(token: str) -> tuple[int, str | None]:
        together.wait(30)
        answer = front.answer("ann", run, token)
        return answer.status_code, answer.json().get("error")

    with ThreadPoolExecutor(50) as pool:
        outcomes = list(pool.map(approve, tokens))
    assert sorted(outcomes) == [(200, None)] + [(409, "not_awaiting")] * 49
    assert len(front.detail(run)["approvals"]) == 1
    assert len(front.refusals(run)) == 49
    front.house.deliver()
    assert front.detail(run)["status"] == "succeeded"


def test_a_dry_run_can_be_approved_beforehand(protected: Protected) -> None:
    front = protected()
    dry = front.create(dry_run=True)
    token = front.token("ann", dry)
    run = front.create(approval_token=token)
    detail = front.detail(run)
    assert (detail["status"], detail["approval_status"]) == ("succeeded", "granted")
    assert [approval["approver"] for approval in detail["approvals"]] == ["ann"]


def test_a_refused_approval_token_makes_no_run_and_is_on_the_dry_runs_record(protected: Protected) -> None:
    front = protected()
    dry, other = front.create(dry_run=True), front.waiting()
    used = front.token("ann", dry)
    run = front.create(approval_token=used)
    hers = front.token("ben", dry)
    with front.house.database.begin() as connection:
        connection.execute(text("UPDATE approval_tokens SET approver = 'kim' WHERE used_at IS NULL"))
    tried = [
        front.call("kim", "POST", RUNS, {**FIX, "approval_token": token}, **{"Idempotency-Key": f"k{n}"})
        for n, token in enumerate((used, hers, "forged", front.token("ann", other)))
    ]
    assert [(answer.status_code, answer.json()["error"]) for answer in tried] == [
        (409, "token_invalid"),
        (403, "self_approval"),
        (409, "token_invalid"),
        (409, "token_of_another_run"),
    ]
    assert front.refusals(dry) == [("kim", "token_invalid"), ("kim", "self_approval")]
    assert front.refusals(other) == [("kim", "token_of_another_run")]
    assert {run["run_id"] for run in front.call("vic", "GET", RUNS).json()["runs"]} == {dry, other, run}


GATE = {
    "requirement": "pre-verify",
    "approver_roles": ["approver", "admin"],
    "required_approvals": 2,
    "valid_minutes": 30,
    "self_approval": True,
}


def test_an_admin_sees_and_sets_gates_and_services_show_the_one_in_force(protected: Protected) -> None:
    front = protected()
    default = {"approver_roles": ["approver"], "required_approvals": 1, "valid_minutes": 60, "self_approval": False}
    listed = front.call("ada", "GET", "/orchestrator/approval-gates")
    assert listed.status_code == 200
    assert listed.json() == {
        "approval_gates": [{"service": "shop", "requirement": "pre-run", **default, "source": "config"}]
    }
    answer = front.call("ada", "PUT", "/orchestrator/approval-gates/shop", GATE)
    assert (answer.status_code, answer.json()) == (200, {"service": "shop", **GATE, "source": "api"})
    assert front.call("ada", "GET", "/orchestrator/approval-gates").json()["approval_gates"] == [answer.json()]
    (shop,) = front.call("vic", "GET", "/orchestrator/services").json()["services"]
    assert shop["approval"] == "pre-verify"
    answer = front.call("ada", "PUT", "/orchestrator/approval-gates/shop", {"requirement": "none"})
    assert answer.json() == {"service": "shop", "requirement": "none", **default, "source": "api"}
    assert front.detail(front.create())["status"] == "succeeded"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"requirement": "sometimes"}, "requirement"),
        ({"requirement": None}, "requirement"),
        ({"approver_roles": []}, "approver_roles"),
        ({"approver_roles": ["root"]}, "approver_roles.0"),
        ({"required_approvals": 0}, "required_approvals"),
        ({"required_approvals": "2"}, "required_approvals"),
        ({"valid_minutes": 4}, "valid_minutes"),
        ({"self_approval": "yes"}, "self_approval"),
        ({"source": "config"}, "source"),
    ],
)
def test_a_wrong_gate_is_named_and_changes_nothing(protected: Protected, change: dict[str, object], field: str) -> None:
    front = protected()
    answer = front.call("ada", "PUT", "/orchestrator/approval-gates/shop", {**GATE, **change})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    (gate,) = front.call("ada", "GET", "/orchestrator/approval-gates").json()["approval_gates"]
    assert gate["source"] == "config"


def test_a_gate_without_a_requirement_is_refused(protected: Protected) -> None:
    assert protected().call("ada", "PUT", "/orchestrator/approval-gates/shop", {"valid_minutes": 5}).status_code == 422


def test_a_gate_of_an_unknown_service_is_404_with_the_known_ones(protected: Protected) -> None:
    answer = protected().call("ada", "PUT", "/orchestrator/approval-gates/shpo", GATE)
    assert (answer.status_code, answer.json()["error"]) == (404, "unknown_service")
    assert answer.json()["known_services"] == ["shop"]


def test_a_gate_is_handed_back_to_the_file_and_follows_it_again(protected: Protected) -> None:
    front = protected()
    (configured,) = front.call("ada", "GET", "/orchestrator/approval-gates").json()["approval_gates"]
    front.call("ada", "PUT", "/orchestrator/approval-gates/shop", GATE)
    answer = front.call("ada", "DELETE", "/orchestrator/approval-gates/shop")
    assert (answer.status_code, answer.json()) == (200, configured)
    assert front.call("ada", "GET", "/orchestrator/approval-gates").json()["approval_gates"] == [configured]
    assert front.call("ada", "DELETE", "/orchestrator/approval-gates/shpo").status_code == 404
    assert front.call("kim", "DELETE", "/orchestrator/approval-gates/shop").status_code == 403


def test_runs_that_wait_go_on_when_the_file_asks_for_nobody(protected: Protected) -> None:
    front = protected(requirement='"none"')
    front.call("ada", "PUT", "/orchestrator/approval-gates/shop", GATE | {"requirement": "pre-run"})
    run = front.waiting()
    front.call("ada", "DELETE", "/orchestrator/approval-gates/shop")
    assert front.detail(run)["status"] == "running"


def test_gates_are_an_admins_alone(protected: Protected) -> None:
    front = protected()
    for who in ("vic", "ann", "oli", "kim"):
        assert front.call(who, "GET", "/orchestrator/approval-gates").status_code == 403
        assert front.call(who, "PUT", "/orchestrator/approval-gates/shop", GATE).status_code == 403


def test_the_apis_start_stores_what_the_file_says(protected: Protected, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.house.keep_configured_gates", lambda tools: None)
    front = protected()
    with front.house.database.connect() as connection:
        stored = connection.execute(text("SELECT service, requirement, source FROM approval_gates")).all()
    assert [tuple(row) for row in stored] == [("shop", "pre-run", "config")]
