"""Retry over HTTP: a new run that links to the old one, or why not."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.front import RUNS, Front
from tests.support.house import BROKEN

Protected = Callable[..., Front]


def ended(front: Front) -> str:
    """A run that nobody approved."""
    run = front.waiting()
    assert front.answer("ann", run, decision="reject").json()["status"] == "failed"
    return run


def retry(front: Front, run: str, body: Any = None, who: str = "kim", **headers: str) -> Any:
    return front.call(who, "POST", f"{RUNS}/{run}/retry", body, **headers)


@pytest.mark.parametrize("content", [None, "", "{}", "null"])
def test_an_ended_run_is_taken_up_again_without_a_word(protected: Protected, content: str | None) -> None:
    front = protected()
    old = ended(front)
    headers = {"Authorization": f"Bearer {front.keys['kim']}"} | (
        {"Content-Type": "application/json"} if content else {}
    )
    answer = front.client.post(f"{RUNS}/{old}/retry", content=content, headers=headers)
    assert answer.status_code == 202, answer.text
    run = answer.json()
    assert answer.headers["Location"] == f"{RUNS}/{run['run_id']}"
    assert (run["retried_from"], run["status"], run["requested_by"]) == (old, "pending", "kim")
    assert run["run_id"] != old


def test_a_retry_begins_where_it_is_told_and_shows_approvers_the_same_diff(protected: Protected) -> None:
    front = protected()
    old = ended(front)
    body = {"resume_from_step": "patch", "reason": "ann looked at the wrong diff"}
    run = retry(front, old, body).json()["run_id"]
    detail = front.detail(run)
    assert detail["current_step"] == "patch"
    assert detail["action_plan"]["digest"] == front.detail(old)["action_plan"]["digest"]
    assert {artifact["path"] for artifact in detail["artifacts"]} == {"plan.json", "patch_preview.diff"}
    front.house.deliver()
    assert front.answer("ann", run).status_code == 200
    front.house.deliver()
    assert front.detail(run)["status"] == "succeeded"
    (created,) = front.house.events(uuid.UUID(run), "run_created")
    assert created["payload"]["reason"] == body["reason"]


def test_the_same_key_gives_the_same_retry_and_another_body_is_refused(protected: Protected) -> None:
    front = protected()
    old = ended(front)
    first = retry(front, old, **{"Idempotency-Key": "again-1"}).json()["run_id"]
    assert retry(front, old, {}, **{"Idempotency-Key": "again-1"}).json()["run_id"] == first
    other = retry(front, old, {"resume_from_step": "analyze"}, **{"Idempotency-Key": "again-1"})
    assert (other.status_code, other.json()["error"]) == (409, "idempotency_conflict")
    assert len(front.call("vic", "GET", RUNS).json()["runs"]) == 2


def test_a_run_that_is_on_is_not_taken_up(protected: Protected) -> None:
    front = protected()
    answer = retry(front, front.waiting())
    assert (answer.status_code, answer.json()["error"]) == (409, "run_not_over")
    assert "cancel" in answer.json()["remediation"]


def test_files_that_changed_meanwhile_are_named(protected: Protected) -> None:
    front = protected()
    old = ended(front)
    front.house.manifest.write_bytes(BROKEN + b"humanize\n")
    answer = retry(front, old, {"resume_from_step": "build"})
    assert (answer.status_code, answer.json()["error"]) == (409, "inputs_changed")
    assert answer.json()["files"] == ["requirements.txt"]
    assert "analyze" in answer.json()["remediation"]
    assert retry(front, old, {"resume_from_step": "analyze"}).status_code == 202


def test_what_left_nothing_to_roll_back_is_not_rolled_back(protected: Protected) -> None:
    front = protected()
    answer = retry(front, ended(front), {"resume_from_step": "rollback"})
    assert (answer.status_code, answer.json()["error"]) == (409, "not_resumable")
    assert "files" not in answer.json()


def test_a_service_that_is_not_configured_any_more_is_told_as_at_creation(
    protected: Protected, monkeypatch: pytest.MonkeyPatch
) -> None:
    front = protected()
    old = ended(front)
    catalog = front.client.app.state.context.tools.catalog  # type: ignore[attr-defined]
    monkeypatch.delitem(catalog.profiles, "shop")
    answer = retry(front, old)
    assert (answer.status_code, answer.json()["error"]) == (400, "unknown_service")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"resume_from_step": "deploy"}, "resume_from_step"),
        ({"resume_from_step": 1}, "resume_from_step"),
        ({"reason": "x" * 2001}, "reason"),
        ({"status": "failed"}, "status"),
        ([], "body"),
    ],
)
def test_a_wrong_field_is_named(protected: Protected, body: object, field: str) -> None:
    front = protected()
    answer = retry(front, str(uuid.uuid4()), body)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [field])


def test_only_operators_retry_and_only_what_there_is(protected: Protected) -> None:
    front = protected()
    for who in ("vic", "ann"):
        assert retry(front, str(uuid.uuid4()), who=who).status_code == 403
    answer = retry(front, str(uuid.uuid4()))
    assert (answer.status_code, answer.json()["error"]) == (404, "run_not_found")
