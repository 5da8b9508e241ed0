"""Approvals: a yes that nobody gave, and what of each attempt stays on the run's record."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.attacks.tally import Tally
from tests.attacks.town import RUNS, Town


@pytest.fixture(scope="module")
def waiting(town: Town) -> str:
    """A run of Kim's that waits for somebody's word."""
    run = town.submit("asking0")
    town.wait(run, "awaiting_approval")
    return run


@pytest.fixture
def answer(town: Town, tally: Tally) -> Callable[..., Any]:
    """Answer about a run."""

    def send(run: str, by: str, token: str, **rest: Any) -> Any:
        body = {"approver": {"id": by, "role": "approver"}, "token": token, **rest}
        return tally.case(lambda: town.call("POST", f"{RUNS}/{run}/approvals", by=by, json=body))

    return send


def token_for(town: Town, run: str, by: str) -> str:
    made = town.call("POST", f"{RUNS}/{run}/approval-tokens", by=by)
    assert made.status_code == 201, made.text
    return str(made.json()["token"])


def refusals(town: Town, run: str) -> list[str]:
    """Codes of the refusals on the run's record."""
    query = (
        "SELECT payload->>'code' FROM run_events WHERE subject_id = %s AND kind = 'approval_refused' ORDER BY sequence"
    )
    return [row[0] for row in town.ask(query, uuid.UUID(run))]


def test_tokens_that_are_forged_altered_or_of_another_purpose(
    town: Town, waiting: str, answer: Callable[..., Any]
) -> None:
    from api_service.api.signing import Signer

    good, before = token_for(town, waiting, "ann"), len(refusals(town, waiting))
    other = Signer(town.secrets["signing key"], "artifact", 900).sign(str(uuid.uuid4()))
    unknown = Signer(town.secrets["signing key"], "approval").sign(str(uuid.uuid4()))
    forged = [
        "x",
        good[:-1],
        good + "A",
        good.swapcase(),
        other,
        unknown,
        Signer("guess", "approval").sign(str(uuid.uuid4())),
    ]
    for token in forged:
        said = answer(waiting, "ann", token)
        assert (said.status_code, said.json()["error"]) == (409, "token_invalid"), token
    assert refusals(town, waiting)[before:] == ["token_invalid"] * len(forged)
    assert town.show(waiting)["status"] == "awaiting_approval"


def test_somebody_elses_token_and_somebody_elses_name(town: Town, waiting: str, answer: Callable[..., Any]) -> None:
    anns = token_for(town, waiting, "ann")
    assert answer(waiting, "ben", anns).json()["error"] == "token_of_another_person"
    pretended = answer(waiting, "ben", anns, approver={"id": "ann", "role": "approver"})
    assert (pretended.status_code, pretended.json()["error"]) == (403, "not_the_approver")
    assert answer(waiting, "vic", anns).status_code == 403
    assert answer(waiting, "ann", anns, approver={"id": "ann", "role": "admin"}).status_code == 403


def test_self_approval_also_through_a_second_key_in_other_letters(
    town: Town, waiting: str, answer: Callable[..., Any]
) -> None:
    town.keys["kim again"] = town.add_key("kim", "approver", name="second")
    for by in ("kim", "kim again"):
        asked = town.call("POST", f"{RUNS}/{waiting}/approval-tokens", by=by)
        assert (asked.status_code, asked.json()["error"]) == (403, "self_approval")
    for owner in ("KIM", "Kim", "kIm"):
        made = town.call("POST", "/keys", json={"owner": owner, "roles": ["approver"]})
        assert (made.status_code, made.json()["error"]) == (409, "owner_in_other_letters")
    said = answer(waiting, "kim again", token_for(town, waiting, "ann"), approver={"id": "kim", "role": "approver"})
    assert (said.status_code, said.json()["error"]) == (403, "self_approval")


def test_a_token_of_a_second_ago_and_one_for_another_plan(town: Town, waiting: str, answer: Callable[..., Any]) -> None:
    late = token_for(town, waiting, "ann")
    town.ask(
        "UPDATE approval_tokens SET expires_at = now() - interval '1 second' WHERE subject_id = %s", uuid.UUID(waiting)
    )
    assert answer(waiting, "ann", late).json()["error"] == "token_invalid"
    old = token_for(town, waiting, "ann")
    town.ask("UPDATE approval_tokens SET plan_digest = 'of before' WHERE subject_id = %s", uuid.UUID(waiting))
    assert answer(waiting, "ann", old).json()["error"] == "plan_changed"
    assert town.show(waiting)["status"] == "awaiting_approval"


def test_no_row_in_the_audit_no_approval(town: Town, waiting: str, answer: Callable[..., Any]) -> None:
    token = token_for(town, waiting, "ann")
    town.ask(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the audit is full'; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON run_events FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    try:
        said = answer(waiting, "ann", token)
        town.deliberate += 1
    finally:
        town.ask("DROP TRIGGER refuse ON run_events; DROP FUNCTION refuse()")
    assert said.status_code in (500, 503)
    assert "the audit is full" not in said.text
    assert (town.show(waiting)["status"], town.show(waiting)["approvals"]) == ("awaiting_approval", [])


def test_the_record_has_every_attempt_and_then_the_one_that_counts(
    town: Town, waiting: str, answer: Callable[..., Any]
) -> None:
    other = town.submit("asking1")
    town.wait(other, "awaiting_approval")
    token = token_for(town, waiting, "ann")
    assert answer(other, "ann", token).json()["error"] == "token_of_another_run"
    assert refusals(town, other) == ["token_of_another_run"]
    told = {"token_invalid", "token_of_another_person", "not_the_approver", "self_approval", "plan_changed"}
    assert told <= set(refusals(town, waiting))
    assert answer(waiting, "ann", token).status_code == 200
    assert answer(waiting, "ann", token).status_code == 409  # replayed
    town.call("POST", f"{RUNS}/{other}/cancel")
    ended = town.wait(waiting)
    assert ended["status"] == "succeeded", ended["failure"]
    assert [(given["approver"], given["decision"]) for given in ended["approvals"]] == [("ann", "approve")]
