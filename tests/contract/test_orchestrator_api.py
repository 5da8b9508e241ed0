"""The HTTP contract of runs, over a real database."""

from __future__ import annotations

import json
import stat
import uuid

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from api_service.main import create_app
from moonmind.access.keys import hash_key, make_key
from moonmind.access.repository import KeyRepository
from moonmind.config.settings import Settings

RUNS = "/orchestrator/runs"
FIX = {"instruction": "fix the missing dependency", "target_service": "shop"}
STEPS = ["analyze", "patch", "build", "restart", "verify"]


def key_for(database: Engine, *roles: str) -> dict[str, str]:
    key = make_key(uuid.uuid4().bytes + uuid.uuid4().bytes)
    with database.begin() as connection:
        KeyRepository(connection).add_unless_known("kim", "test", roles, hash_key(key))
    return {"Authorization": f"Bearer {key}"}


def test_a_run_is_accepted_and_says_where_to_look(client: TestClient, database: Engine) -> None:
    answer = client.post(RUNS, json=FIX)
    assert answer.status_code == 202
    run = answer.json()
    assert answer.headers["Location"] == f"{RUNS}/{run['run_id']}"
    assert run["status"] == "pending"
    assert run["current_step"] == "analyze"
    assert (run["target_service"], run["instruction"], run["requested_by"]) == ("shop", FIX["instruction"], "admin")
    assert (run["approval_required"], run["approval_status"], run["failure"]) == (False, "not_required", None)
    with database.connect() as connection:
        message = connection.execute(text("SELECT queue, tasks, payload FROM outbox")).one()
        events = connection.execute(
            text("SELECT sequence, actor, kind FROM run_events WHERE subject_kind = 'run'")
        ).all()
    assert message.queue == "orchestrator.run"
    assert message.tasks == [f"orchestrator.{step}" for step in STEPS]
    assert message.payload == {"v": 1, "id": run["run_id"], "epoch": 1}
    assert [tuple(event) for event in events] == [(1, "admin", "run_created")]


def test_the_detail_shows_plan_and_steps_from_the_start(client: TestClient) -> None:
    run = client.post(RUNS, json=FIX).json()["run_id"]
    detail = client.get(f"{RUNS}/{run}").json()
    assert [step["name"] for step in detail["steps"]] == STEPS
    assert {step["status"] for step in detail["steps"]} == {"pending"}
    plan = detail["action_plan"]
    assert (plan["version"], plan["generated_by"]) == (1, "system")
    assert [step["name"] for step in plan["steps"]] == STEPS
    assert detail["artifacts"] == detail["approvals"] == []
    assert client.get(f"{RUNS}/{run}/artifacts").json() == {"artifacts": []}


def test_the_same_key_and_body_give_the_same_run_and_another_body_is_refused(client: TestClient) -> None:
    key = {"Idempotency-Key": "abc-1"}
    first = client.post(RUNS, json=FIX, headers=key).json()["run_id"]
    assert client.post(RUNS, json=FIX, headers=key).json()["run_id"] == first
    conflict = client.post(RUNS, json={**FIX, "instruction": "restart"}, headers=key)
    assert (conflict.status_code, conflict.json()["error"]) == (409, "idempotency_conflict")
    assert client.post(RUNS, json=FIX).json()["run_id"] != first
    assert len(client.get(RUNS).json()["runs"]) == 2


def test_an_idempotency_key_is_its_owners_alone(client: TestClient, database: Engine) -> None:
    key = {"Idempotency-Key": "abc-1"}
    mine = client.post(RUNS, json=FIX, headers=key).json()["run_id"]
    theirs = client.post(RUNS, json=FIX, headers={**key, **key_for(database, "operator")}).json()["run_id"]
    assert mine != theirs


def test_an_unknown_service_is_told_the_known_ones(client: TestClient) -> None:
    answer = client.post(RUNS, json={**FIX, "target_service": "shpo"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["error"], problem["known_services"]) == ("unknown_service", ["shop", "till"])
    assert "shop, till" in problem["remediation"]
    assert problem["instance"] == RUNS


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**FIX, "instruction": ""}, "instruction"),
        ({**FIX, "instruction": " \n\t "}, "instruction"),
        ({**FIX, "instruction": "", "target_service": "nosuch"}, "instruction"),
        ({**FIX, "instruction": "\u200b\u200b"}, "instruction"),
        ({**FIX, "instruction": "x" * 4001}, "instruction"),
        ({**FIX, "instruction": 7}, "instruction"),
        ({**FIX, "priority": "urgent"}, "priority"),
        ({**FIX, "dry_run": "yes"}, "dry_run"),
        ({**FIX, "status": "succeeded"}, "status"),
        ({"instruction": "fix"}, "target_service"),
        ([], "body"),
    ],
)
def test_a_wrong_field_is_named(client: TestClient, body: object, field: str) -> None:
    answer = client.post(RUNS, json=body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert answer.json()["known_services"] == ["shop", "till"]
    assert client.get(RUNS).json()["runs"] == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "Expecting"),
        (b'{"instruction": NaN, "target_service": "shop"}', "NaN"),
        (b'{"instruction": "a", "instruction": "b", "target_service": "shop"}', "twice"),
        (b'{"instruction": "\\ud800", "target_service": "shop"}', "surrogate"),
        (b'{"instruction": "a\\u0000b", "target_service": "shop"}', "NUL"),
        (b'{"instruction": "\xff", "target_service": "shop"}', "utf-8"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "deeper"),
        (b"[" * 30000, "deeper"),
        (b'{"a": ' + b"1" * 5000 + b"}", "digits"),
    ],
)
def test_a_body_that_is_no_plain_json_is_refused_with_the_reason(client: TestClient, body: bytes, says: str) -> None:
    answer = client.post(RUNS, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid_json")
    assert says in answer.json()["detail"]


def test_hostile_text_is_data(client: TestClient) -> None:
    for instruction in (";$(id) `id`\nrm -rf /", "\x1b[31mred\u202egnp.exe", "x" * 4000, "fix 💥"):
        run = client.post(RUNS, json={**FIX, "instruction": instruction}).json()["run_id"]
        assert client.get(f"{RUNS}/{run}").json()["instruction"] == instruction


def test_a_body_over_the_limit_is_refused_announced_or_chunked(client: TestClient, settings: Settings) -> None:
    body = json.dumps({**FIX, "x": "y" * settings.api.body_limit}).encode()
    chunks = (body[start : start + 1000] for start in range(0, len(body), 1000))
    for content in (body, chunks):
        answer = client.post(RUNS, content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["error"]) == (413, "body_too_large")


def test_nothing_can_be_read_or_written_without_a_key(stranger: TestClient) -> None:
    for call in (stranger.get(RUNS), stranger.post(RUNS, json=FIX), stranger.get("/orchestrator/services")):
        assert (call.status_code, call.json()["error"]) == (401, "not_authenticated")
        assert call.headers["WWW-Authenticate"] == "Bearer"
    for wrong in ("mm_wrong", "x" * 500, ""):
        assert stranger.get(RUNS, headers={"Authorization": f"Bearer {wrong}"}).status_code == 401


@pytest.mark.parametrize(
    ("role", "read", "create"), [("viewer", 200, 403), ("approver", 200, 403), ("operator", 200, 202)]
)
def test_a_role_allows_what_it_is_for(
    stranger: TestClient, database: Engine, role: str, read: int, create: int
) -> None:
    key = key_for(database, role)
    assert stranger.get(RUNS, headers=key).status_code == read
    assert stranger.post(RUNS, json=FIX, headers=key).status_code == create


def test_a_revoked_or_expired_key_opens_nothing(stranger: TestClient, database: Engine) -> None:
    for column in ("revoked_at", "expires_at"):
        key = key_for(database, "admin")
        assert stranger.get(RUNS, headers=key).status_code == 200
        with database.begin() as connection:
            connection.execute(text(f"UPDATE api_keys SET {column} = now() WHERE name = 'test'"))
        assert stranger.get(RUNS, headers=key).status_code == 401


def test_the_first_start_makes_one_admin_key_that_only_its_owner_can_read(
    client: TestClient, settings: Settings, database: Engine
) -> None:
    file = settings.var / "admin.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with database.connect() as connection:
        stored = connection.execute(text("SELECT secret_hash FROM api_keys")).scalars().all()
    assert stored == [hash_key(file.read_text().strip())]


def test_a_key_file_that_is_there_opens_a_new_database_too(settings: Settings) -> None:
    file = settings.var / "admin.key"
    file.parent.mkdir()
    file.write_text(make_key(b"k" * 32) + "\n")
    headers = {"Authorization": f"Bearer {file.read_text().strip()}"}
    with TestClient(create_app(settings)) as client:
        assert client.get(RUNS, headers=headers).status_code == 200


def test_a_revoked_key_stays_revoked_at_the_next_start(
    client: TestClient, settings: Settings, database: Engine
) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE api_keys SET revoked_at = now()"))
    with TestClient(create_app(settings)) as again:
        assert again.get(RUNS, headers=dict(client.headers)).status_code == 401


def test_a_file_that_holds_no_key_is_replaced_at_the_first_start(settings: Settings) -> None:
    file = settings.var / "admin.key"
    file.parent.mkdir()
    file.write_text("not a key")
    with TestClient(create_app(settings)) as client:
        headers = {"Authorization": f"Bearer {file.read_text().strip()}"}
        assert client.get(RUNS, headers=headers).status_code == 200


def test_runs_are_listed_newest_first_in_pages(client: TestClient) -> None:
    made = [client.post(RUNS, json=FIX).json()["run_id"] for _ in range(5)]
    seen, cursor = [], None
    for _ in range(3):
        page = client.get(RUNS, params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [run["run_id"] for run in page["runs"]]
        cursor = page["next_cursor"]
    assert seen == made[::-1]
    assert cursor is None


def test_a_cursor_goes_on_where_its_page_ended_whatever_was_added_meanwhile(client: TestClient) -> None:
    made = [client.post(RUNS, json=FIX).json()["run_id"] for _ in range(3)]
    cursor = client.get(RUNS, params={"limit": 2}).json()["next_cursor"]
    client.post(RUNS, json=FIX)
    page = client.get(RUNS, params={"limit": 2, "cursor": cursor}).json()
    assert ([run["run_id"] for run in page["runs"]], page["next_cursor"]) == (made[:1], None)


def test_a_whole_number_may_be_written_with_a_point(client: TestClient) -> None:
    def make(days: str) -> int:
        body = f'{{"owner": "eve", "roles": ["viewer"], "valid_days": {days}}}'
        return client.post("/keys", content=body, headers={"Content-Type": "application/json"}).status_code

    assert [make(days) for days in ("30", "30.0", "3e1", "30.5", "1e400")] == [201, 201, 201, 422, 422]


def test_a_method_that_is_none_is_told_those_there_are(client: TestClient) -> None:
    for method, path, allowed in (
        ("PATCH", RUNS, "GET, POST"),
        ("GET", f"{RUNS}/x/cancel", "POST"),
        ("PUT", "/keys/me", "GET"),
    ):
        answer = client.request(method, path)
        assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
        assert answer.json()["error"] == "method_not_allowed"


def test_a_path_is_not_redirected_to_another_one(client: TestClient) -> None:
    assert client.get(f"{RUNS}/", follow_redirects=False).status_code == 404


def test_runs_can_be_filtered(client: TestClient) -> None:
    shop = client.post(RUNS, json={**FIX, "instruction": "repair 100% of it"}).json()
    till = client.post(RUNS, json={"instruction": "restart it", "target_service": "till"}).json()

    def ids(**filters: object) -> list[str]:
        return [run["run_id"] for run in client.get(RUNS, params=filters).json()["runs"]]

    assert ids(service="till") == [till["run_id"]]
    assert ids(q="100%") == [shop["run_id"]]
    assert ids(q="%") == [shop["run_id"]]
    assert ids(status="succeeded") == []
    assert ids(status=["pending", "failed"]) == [till["run_id"], shop["run_id"]]
    assert ids(created_after=till["queued_at"]) == [till["run_id"]]
    assert ids(created_before=till["queued_at"]) == [shop["run_id"]]


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "service=a%00",
        "limit=0",
        "limit=101",
        "cursor=x",
        "cursor=W10=",
        "status=odd",
        "cursor=" + "9" * 18 + "." + "0" * 32,
        "created_after=2026-01-01T00:00:00",
        "created_after=0.5",
        "created_before=1700000000",
        "created_before=20260101T000000Z",
    ],
)
def test_a_wrong_query_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"{RUNS}?{query}").status_code == 422


def test_what_does_not_exist_is_404_and_a_wrong_id_422(client: TestClient) -> None:
    missing = client.get(f"{RUNS}/{uuid.uuid4()}")
    assert (missing.status_code, missing.json()["error"]) == (404, "run_not_found")
    assert client.get(f"{RUNS}/{uuid.uuid4()}/artifacts").status_code == 404
    assert client.get(f"{RUNS}/none").status_code == 422
    assert client.get("/nowhere").json()["error"] == "not_found"


def test_a_run_that_has_not_begun_is_cancelled_at_once_and_only_once(client: TestClient, database: Engine) -> None:
    run = client.post(RUNS, json=FIX).json()["run_id"]
    cancelled = client.post(f"{RUNS}/{run}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (202, "cancelled")
    assert cancelled.json()["failure"]["code"] == "cancelled"
    assert {step["status"] for step in client.get(f"{RUNS}/{run}").json()["steps"]} == {"skipped"}
    again = client.post(f"{RUNS}/{run}/cancel")
    assert (again.status_code, again.json()["error"]) == (409, "run_over")
    assert client.post(f"{RUNS}/{uuid.uuid4()}/cancel").status_code == 404
    assert client.post(f"{RUNS}/{run}/cancel", headers=key_for(database, "viewer")).status_code == 403


def test_services_show_their_last_run(client: TestClient) -> None:
    run = client.post(RUNS, json=FIX).json()["run_id"]
    shop, till = client.get("/orchestrator/services").json()["services"]
    assert (shop["name"], shop["lock_group"], shop["last_run"]["run_id"], shop["active_run"]) == (
        "shop",
        "shop",
        run,
        None,
    )
    assert (till["name"], till["lock_group"], till["last_run"]) == ("till", "front", None)


def test_health_and_readiness_are_open_to_all(stranger: TestClient, settings: Settings) -> None:
    assert stranger.get("/health").json() == {"status": "ok", "service": "orchestrator"}
    assert stranger.get("/healthz").status_code == 200
    ready = stranger.get("/readyz")
    assert ready.json() == {"status": "ok", "database": "ok", "migrations": "ok", "broker": "away"}
    assert ready.status_code == 200


def test_readiness_fails_when_the_schema_is_of_another_release(stranger: TestClient, database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    ready = stranger.get("/readyz")
    assert (ready.status_code, ready.json()["migrations"]) == (503, "behind")


def test_a_database_that_is_away_is_503_and_says_so(
    client: TestClient, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = OperationalError("SELECT secret FROM api_keys", {}, Exception("refused"))
    monkeypatch.setattr(Engine, "connect", lambda self: (_ for _ in ()).throw(refused))
    answer = client.get(RUNS)
    assert (answer.status_code, answer.json()["error"]) == (503, "database_unavailable")
    assert "api_keys" not in answer.text


def test_a_mistake_of_ours_shows_nothing_and_carries_the_security_headers(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Engine, "connect", lambda self: (_ for _ in ()).throw(RuntimeError("the inside")))
        answer = client.get(RUNS)
    assert (answer.status_code, answer.json()["error"]) == (500, "internal_error")
    assert "the inside" not in answer.text
    assert (answer.headers["X-Content-Type-Options"], answer.headers["Connection"]) == ("nosniff", "close")
    assert (
        f'moonmind_http_requests_total{{method="GET",route="{RUNS}",status="500"}} 1.0' in client.get("/metrics").text
    )


def test_every_answer_carries_the_security_headers(stranger: TestClient) -> None:
    for path in ("/health", RUNS, "/nowhere"):
        assert stranger.get(path).headers["X-Content-Type-Options"] == "nosniff"
