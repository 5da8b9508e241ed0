"""Keys over HTTP: made once, shown once, never stored."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from moonmind.access.keys import hash_key

KIM = {"owner": "kim", "name": "laptop", "roles": ["operator"]}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_new_key_is_shown_once_and_opens_what_its_roles_allow(client: TestClient, database: Engine) -> None:
    made = client.post("/keys", json=KIM)
    assert made.status_code == 201
    key = made.json()["key"]
    assert client.get("/orchestrator/runs", headers=bearer(key)).status_code == 200
    assert client.get("/keys", headers=bearer(key)).status_code == 403
    listed = client.get("/keys")
    assert key not in listed.text
    (kim,) = [k for k in listed.json()["keys"] if k["owner"] == "kim"]
    assert (kim["name"], kim["roles"], kim["expires_at"], kim["revoked_at"]) == ("laptop", ["operator"], None, None)
    with database.connect() as connection:
        stored = connection.execute(text("SELECT * FROM api_keys WHERE owner = 'kim'")).mappings().one()
    assert stored["secret_hash"] == hash_key(key)
    assert key not in str(dict(stored))


def test_a_revoked_key_opens_nothing_and_stays_in_the_list(client: TestClient) -> None:
    made = client.post("/keys", json=KIM).json()
    for _ in range(2):
        assert client.delete(f"/keys/{made['key_id']}").json()["revoked_at"] is not None
    assert client.get("/orchestrator/runs", headers=bearer(made["key"])).status_code == 401
    assert made["key_id"] in client.get("/keys").text


def test_a_key_can_be_made_to_expire(client: TestClient, database: Engine) -> None:
    made = client.post("/keys", json={**KIM, "valid_days": 1}).json()
    assert client.get("/orchestrator/runs", headers=bearer(made["key"])).status_code == 200
    with database.begin() as connection:
        connection.execute(text("UPDATE api_keys SET expires_at = expires_at - interval '1 day' WHERE owner = 'kim'"))
    assert client.get("/orchestrator/runs", headers=bearer(made["key"])).status_code == 401


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"owner": ""}, "owner"),
        ({"owner": "kim lee"}, "owner"),
        ({"owner": "k" * 64}, "owner"),
        ({"roles": []}, "roles"),
        ({"roles": ["root"]}, "roles.0"),
        ({"valid_days": 0}, "valid_days"),
        ({"key": "mm_mine"}, "key"),
    ],
)
def test_a_wrong_field_is_named(client: TestClient, change: dict[str, object], field: str) -> None:
    answer = client.post("/keys", json={**KIM, **change})
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [field])


def test_an_unknown_key_cannot_be_revoked(client: TestClient) -> None:
    assert client.delete("/keys/00000000-0000-0000-0000-000000000000").status_code == 404


def test_the_last_key_of_an_admin_is_not_revoked(client: TestClient, database: Engine) -> None:
    (first,) = client.get("/keys").json()["keys"]

    def revoke() -> tuple[int, str | None]:
        answer = client.delete(f"/keys/{first['key_id']}")
        return answer.status_code, answer.json().get("error")

    assert client.post("/keys", json=KIM).status_code == 201
    assert revoke() == (409, "last_admin")
    another = client.post("/keys", json={"owner": "ada", "roles": ["admin"], "valid_days": 1}).json()
    with database.begin() as connection:
        connection.execute(text("UPDATE api_keys SET expires_at = now() WHERE owner = 'ada'"))
    assert revoke() == (409, "last_admin"), "an expired key makes no keys"
    with database.begin() as connection:
        connection.execute(text("UPDATE api_keys SET expires_at = NULL WHERE owner = 'ada'"))
    assert revoke() == (200, None)
    assert client.get("/keys").status_code == 401
    assert client.delete(f"/keys/{first['key_id']}", headers=bearer(another["key"])).status_code == 200


def test_of_two_admins_who_revoke_each_other_at_once_one_stays(client: TestClient) -> None:
    admins = [client.post("/keys", json={"owner": f"ada{n}", "roles": ["admin"]}).json() for n in range(2)]
    (first,) = [key for key in client.get("/keys").json()["keys"] if key["owner"] == "admin"]
    assert client.delete(f"/keys/{first['key_id']}").status_code == 200
    together = threading.Barrier(2)

    def revoke(mine: int) -> int:
        together.wait(30)
        return client.delete(f"/keys/{admins[1 - mine]['key_id']}", headers=bearer(admins[mine]["key"])).status_code

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(revoke, range(2)))
    assert outcomes in ([200, 401], [200, 409])


def test_a_known_owner_in_other_letters_is_refused_also_when_the_key_is_revoked(client: TestClient) -> None:
    made = client.post("/keys", json=KIM).json()
    assert client.post("/keys", json=KIM).status_code == 201, "a second key of the same person"
    client.delete(f"/keys/{made['key_id']}")
    for owner in ("Kim", "KIM", "Admin"):
        refused = client.post("/keys", json={**KIM, "owner": owner})
        assert (refused.status_code, refused.json()["error"]) == (409, "owner_in_other_letters")
        assert owner.lower() in refused.json()["remediation"]
    assert len(client.get("/keys").json()["keys"]) == 3


def test_nobody_makes_keys_without_being_an_admin(stranger: TestClient) -> None:
    assert stranger.post("/keys", json=KIM).status_code == 401


def test_who_made_and_revoked_a_key_is_on_its_record(client: TestClient, database: Engine) -> None:
    made = client.post("/keys", json={**KIM, "valid_days": 7}).json()
    for _ in range(2):
        client.delete(f"/keys/{made['key_id']}")
    query = "SELECT actor, kind, payload FROM run_events WHERE subject_id = :key ORDER BY sequence"
    with database.connect() as connection:
        events = [tuple(row) for row in connection.execute(text(query), {"key": made["key_id"]})]
        first = connection.execute(text("SELECT actor FROM run_events WHERE payload ->> 'name' = 'var/admin.key'"))
        assert first.scalars().all() == ["first start"]
    given = {"owner": "kim", "name": "laptop"}
    assert [(actor, kind) for actor, kind, _ in events] == [("admin", "key_made"), ("admin", "key_revoked")]
    assert events[0][2] == {**given, "roles": ["operator"], "expires_at": events[0][2]["expires_at"]}
    assert events[0][2]["expires_at"][:10] == made["expires_at"][:10]
    assert events[1][2] == given
    assert made["key"] not in str(events)


def test_everybody_sees_whose_key_theirs_is(client: TestClient) -> None:
    key = client.post("/keys", json={**KIM, "roles": ["viewer"]}).json()["key"]
    assert client.get("/keys/me", headers=bearer(key)).json() == {
        "owner": "kim",
        "roles": ["viewer"],
        "key_name": "laptop",
        "expires_at": None,
        "signed_in_by": "key",
    }
