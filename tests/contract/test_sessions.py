"""Signing in to the pages: a cookie for a key, proof for each change, and how a session ends."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from moonmind.access.keys import hash_key

COOKIE = "moonmind_session"
RUNS = "/orchestrator/runs"
FIX = {"instruction": "fix the missing dependency", "target_service": "shop"}


@pytest.fixture
def key(client: TestClient) -> str:
    """Kim's, who is an operator; the client itself has no key from then on."""
    made: str = client.post("/keys", json={"owner": "kim", "name": "laptop", "roles": ["operator"]}).json()["key"]
    del client.headers["Authorization"]
    return made


@pytest.fixture
def kim(client: TestClient, key: str) -> TestClient:
    """A browser in which Kim has signed in, and whose scripts send the proof."""
    answer = client.post("/sessions", json={"key": key})
    assert answer.status_code == 201, answer.text
    client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
    return client


def test_a_key_opens_a_session_that_stands_for_it(kim: TestClient, key: str) -> None:
    me = kim.get("/keys/me").json()
    assert (me["owner"], me["roles"], me["key_name"], me["signed_in_by"]) == ("kim", ["operator"], "laptop", "session")
    assert kim.post(RUNS, json=FIX).json()["requested_by"] == "kim"
    assert kim.get("/keys").status_code == 403


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites_and_only_its_hash_is_kept(
    client: TestClient, key: str, database: Engine
) -> None:
    answer = client.post("/sessions", json={"key": key})
    (cookie,) = answer.headers.get_list("Set-Cookie")
    assert {part.strip().lower() for part in cookie.split(";")[1:]} == {"httponly", "path=/", "samesite=lax"}
    secret = client.cookies[COOKIE]
    assert secret != key
    assert secret not in answer.text
    with database.connect() as connection:
        row = connection.execute(text("SELECT * FROM sessions")).mappings().one()
    assert row["secret_hash"] == hash_key(secret)
    assert secret not in str(dict(row))


def test_over_tls_the_cookie_is_secure_and_this_hosts_own(client: TestClient, key: str) -> None:
    client.base_url = client.base_url.copy_with(scheme="https")
    cookie = client.post("/sessions", json={"key": key}).headers["Set-Cookie"]
    assert cookie.startswith(f"__Host-{COOKIE}=")
    assert "Secure" in cookie
    assert client.get("/keys/me").json()["owner"] == "kim"


def test_a_wrong_key_opens_no_session(client: TestClient, key: str) -> None:
    for wrong in ("mm_wrong", "x", "mm_" + "A1a" * 14 + "x", f"{key}x"):
        answer = client.post("/sessions", json={"key": wrong})
        assert (answer.status_code, answer.json()["error"]) == (401, "key_refused")
        assert "Set-Cookie" not in answer.headers
        assert wrong not in answer.text


def test_a_change_by_the_cookie_alone_is_refused(kim: TestClient, key: str) -> None:
    of_another_session = kim.headers.pop("X-CSRF-Token")
    kim.post("/sessions", json={"key": key})
    for proof in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "x"}, {"X-CSRF-Token": of_another_session}):
        for method, path in (("POST", RUNS), ("DELETE", "/sessions/current"), ("DELETE", "/sessions")):
            answer = kim.request(method, path, json=FIX if method == "POST" else None, headers=proof)
            assert (answer.status_code, answer.json()["error"]) == (403, "csrf_refused")
    assert kim.get(RUNS).json()["runs"] == [], "looking needs no proof"


def test_what_another_sites_page_starts_is_refused_also_with_proof(kim: TestClient, key: str) -> None:
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver:8080"},
        {"Origin": "http://testserver", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        for path, body in ((RUNS, FIX), ("/sessions", {"key": key})):
            answer = kim.post(path, json=body, headers=headers)
            assert (answer.status_code, answer.json()["error"]) == (403, "csrf_refused"), headers
    assert kim.post(RUNS, json=FIX, headers={"Origin": "http://testserver"}).status_code == 202


def test_of_a_key_and_a_cookie_the_key_counts(kim: TestClient) -> None:
    del kim.headers["X-CSRF-Token"]
    assert kim.get("/keys/me", headers={"Authorization": "Bearer mm_wrong"}).status_code == 401


def test_each_sign_in_has_a_secret_of_its_own_and_ends_the_one_before(kim: TestClient, key: str) -> None:
    before = kim.cookies[COOKIE]
    kim.post("/sessions", json={"key": key})
    assert kim.cookies[COOKIE] != before
    assert kim.get("/keys/me", headers={"Cookie": f"{COOKIE}={before}"}).status_code == 401


def test_a_chosen_cookie_opens_nothing_before_or_after_the_sign_in(client: TestClient, key: str) -> None:
    client.cookies[COOKIE] = chosen = "mm_" + "A1a" * 14 + "x"
    assert client.get("/keys/me").status_code == 401
    client.post("/sessions", json={"key": key})
    client.cookies.clear()
    assert client.get("/keys/me", headers={"Cookie": f"{COOKIE}={chosen}"}).status_code == 401


def test_signing_out_ends_the_session_and_not_only_the_cookie(kim: TestClient) -> None:
    secret = kim.cookies[COOKIE]
    answer = kim.delete("/sessions/current")
    assert answer.status_code == 204
    assert COOKIE not in kim.cookies
    assert kim.get("/keys/me", headers={"Cookie": f"{COOKIE}={secret}"}).status_code == 401


def test_a_session_ends_with_its_key_its_time_and_its_use(kim: TestClient, database: Engine) -> None:
    for table, end, back in (
        ("api_keys", "revoked_at = now()", "revoked_at = NULL"),
        ("api_keys", "expires_at = now()", "expires_at = NULL"),
        ("sessions", "expires_at = now()", "expires_at = now() + interval '1 hour'"),
        ("sessions", "last_used_at = now() - interval '61 minutes'", "last_used_at = now()"),
    ):
        assert kim.get("/keys/me").status_code == 200
        _update(database, table, end)
        assert kim.get("/keys/me").status_code == 401, end
        assert kim.post(RUNS, json=FIX).status_code == 401, end
        _update(database, table, back)


def _update(database: Engine, table: str, change: str) -> None:
    with database.begin() as connection:
        connection.execute(text(f"UPDATE {table} SET {change} WHERE owner = 'kim'"))


def test_use_keeps_a_session_alive_but_not_past_its_end(kim: TestClient, database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE sessions SET last_used_at = now() - interval '59 minutes'"))
    end = kim.get("/keys/me").json()["expires_at"]
    with database.connect() as connection:
        unused = connection.execute(text("SELECT extract(epoch FROM now() - last_used_at) FROM sessions")).scalar_one()
        hours = connection.execute(
            text("SELECT extract(epoch FROM :end - created_at) / 3600 FROM sessions"), {"end": end}
        )
        assert hours.scalar_one() == 12
    assert unused < 60


def test_roles_taken_from_the_key_are_taken_from_its_sessions(kim: TestClient, database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE api_keys SET roles = '{viewer}' WHERE owner = 'kim'"))
    assert kim.post(RUNS, json=FIX).status_code == 403


def test_sessions_that_are_over_are_forgotten_at_the_next_sign_in(kim: TestClient, key: str, database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE sessions SET expires_at = now()"))
    kim.post("/sessions", json={"key": key})
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM sessions WHERE expires_at <= now()")).scalar_one() == 0


def test_everybody_can_sign_out_everywhere_and_admins_others(client: TestClient, settings_key: str) -> None:
    admin = {"Authorization": f"Bearer {settings_key}"}
    key = client.post("/keys", json={"owner": "kim", "roles": ["viewer"]}, headers=admin).json()["key"]
    mine = {"Authorization": f"Bearer {key}"}

    def signed_in() -> str:
        client.post("/sessions", json={"key": key})
        found = client.cookies[COOKIE]
        client.cookies.clear()
        return found

    secrets = [signed_in(), signed_in()]
    assert client.delete("/sessions", params={"owner": "admin"}, headers=mine).status_code == 403
    assert client.delete("/sessions", headers=mine).json() == {"closed": 2}
    for secret in secrets:
        assert client.get("/keys/me", headers={"Cookie": f"{COOKIE}={secret}"}).status_code == 401
    signed_in()
    assert client.delete("/sessions", params={"owner": "KIM"}, headers=admin).json() == {"closed": 1}
    assert client.get("/keys/me", headers=mine).json()["signed_in_by"] == "key"


@pytest.fixture
def settings_key(client: TestClient) -> str:
    """The admin's; the client itself has no key from then on."""
    return client.headers.pop("Authorization").removeprefix("Bearer ")


def test_who_signs_in_and_out_and_who_does_not_leaves_a_trace_without_secrets(
    kim: TestClient, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        kim.post("/sessions", json={"key": "mm_guessed"})
        answer = kim.post("/sessions", json={"key": key})
        kim.delete("/sessions/current", headers={"X-CSRF-Token": answer.json()["csrf_token"]})
    said = [record.getMessage() for record in caplog.records if record.name == "api_service.api.signing_in"]
    assert [line.partition(":")[0] for line in said] == ["sign-in refused", "signed out", "signed in", "signed out"]
    assert "kim" in said[2]
    assert all("testclient" in line for line in said)
    assert not any(secret in line for line in said for secret in (key, "mm_guessed"))
