"""Who gets which answer: one row for each call that the API knows, one column for each kind of caller."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from api_service.api.signing import Signer
from api_service.main import create_app
from moonmind.access.keys import ROLES, hash_key, make_key
from moonmind.access.repository import KeyRepository
from moonmind.access.sessions import Lasting, open_session
from moonmind.config.settings import Settings

COLUMNS = ("nobody", "viewer", "operator", "approver", "admin", "cookie", "revoked", "expired")
"""The people send their keys and, to pages (`/ui/…`), a session's cookie and the proof that each change needs. `cookie`
is an admin's session without that proof; the last two are keys of admins, and sessions that these had opened.
What ends sessions comes last."""
TABLE = """
GET    /                                                           303 303 303 303 303 303 303 303
GET    /docs                                                       200 200 200 200 200 200 200 200
GET    /health                                                     200 200 200 200 200 200 200 200
GET    /healthz                                                    200 200 200 200 200 200 200 200
GET    /keys                                                       401 403 403 403 200 200 401 401
POST   /keys                                                       401 403 403 403 201 403 401 401
GET    /keys/me                                                    401 200 200 200 200 200 401 401
DELETE /keys/{key_id}                                              401 403 403 403 404 403 401 401
GET    /openapi.json                                               200 200 200 200 200 200 200 200
GET    /orchestrator/approval-gates                                401 403 403 403 200 200 401 401
PUT    /orchestrator/approval-gates/{service}                      401 403 403 403 200 403 401 401
DELETE /orchestrator/approval-gates/{service}                      401 403 403 403 200 403 401 401
GET    /orchestrator/runs                                          401 200 200 200 200 200 401 401
POST   /orchestrator/runs                                          401 403 202 403 202 403 401 401
GET    /metrics                                                    401 200 200 200 200 200 401 401
GET    /orchestrator/evidence-key                                  401 200 200 200 200 200 401 401
GET    /orchestrator/runs/{run_id}                                 401 404 404 404 404 404 401 401
POST   /orchestrator/runs/{run_id}/approval-tokens                 401 404 404 404 404 403 401 401
POST   /orchestrator/runs/{run_id}/approvals                       401 404 404 404 404 403 401 401
DELETE /orchestrator/runs/{run_id}/approvals/{approval_id}         401 404 404 404 404 403 401 401
GET    /orchestrator/runs/{run_id}/artifacts                       401 404 404 404 404 404 401 401
GET    /orchestrator/runs/{run_id}/artifacts/{artifact_id}/content 401 404 404 404 404 404 401 401
GET    /orchestrator/runs/{run_id}/events                          401 404 404 404 404 404 401 401
GET    /orchestrator/runs/{run_id}/evidence                        401 404 404 404 404 404 401 401
POST   /orchestrator/runs/{run_id}/cancel                          401 403 404 403 404 403 401 401
GET    /orchestrator/runs/{run_id}/events                          401 404 404 404 404 404 401 401
POST   /orchestrator/runs/{run_id}/retry                           401 403 404 403 404 403 401 401
GET    /orchestrator/services                                      401 200 200 200 200 200 401 401
GET    /readyz                                                     200 200 200 200 200 200 200 200
GET    /ui                                                         303 303 303 303 303 303 303 303
GET    /ui/approvals                                               303 200 200 200 200 200 303 303
GET    /ui/keys                                                    303 403 403 403 200 200 303 303
POST   /ui/keys                                                    303 403 403 403 422 403 303 303
POST   /ui/keys/{key_id}/revoke                                    303 403 403 403 404 403 303 303
GET    /ui/policy                                                  303 403 403 403 200 200 303 303
POST   /ui/policy/{service}                                        303 403 403 403 422 403 303 303
POST   /ui/policy/{service}/reset                                  303 403 403 403 303 403 303 303
GET    /ui/runs                                                    303 200 200 200 200 200 303 303
POST   /ui/runs                                                    303 403 422 403 422 403 303 303
GET    /ui/runs/new                                                303 403 200 403 200 200 303 303
GET    /ui/runs/{run_id}                                           303 404 404 404 404 404 303 303
POST   /ui/runs/{run_id}/answer                                    303 404 404 404 404 403 303 303
POST   /ui/runs/{run_id}/answers/{approval_id}/revoke              303 404 404 404 404 403 303 303
POST   /ui/runs/{run_id}/cancel                                    303 403 404 403 404 403 303 303
POST   /ui/runs/{run_id}/retry                                     303 403 404 403 404 403 303 303
POST   /ui/runs/{run_id}/run                                       303 403 404 403 404 403 303 303
POST   /ui/runs/{run_id}/token                                     303 404 404 404 404 403 303 303
GET    /ui/services                                                303 200 200 200 200 200 303 303
GET    /ui/sign-in                                                 200 303 303 303 303 303 200 200
POST   /ui/sign-in                                                 401 401 401 401 401 401 401 401
GET    /ui/sign-in/oidc                                            404 404 404 404 404 404 404 404
GET    /ui/sign-in/oidc/callback                                   404 404 404 404 404 404 404 404
GET    /ui/static/{name}                                           404 404 404 404 404 404 404 404
GET    /ui/system                                                  303 200 200 200 200 200 303 303
POST   /ui/sign-out                                                303 303 303 303 303 403 303 303
POST   /sessions                                                   401 401 401 401 401 401 401 401
DELETE /sessions                                                   401 200 200 200 200 403 401 401
GET    /sessions/current                                           401 404 404 404 404 200 401 401
DELETE /sessions/current                                           401 404 404 404 404 403 401 401
"""
NO_RUN = "00000000-0000-0000-0000-000000000000"
NAMES = dict.fromkeys(("run_id", "artifact_id", "approval_id", "key_id"), NO_RUN) | {"service": "shop", "name": "x"}
"""What stands for the parts of paths: nothing is there, so that 404 is the answer to who may ask."""
FIX = {"instruction": "fix the missing dependency", "target_service": "shop"}
BODIES: dict[str, dict[str, Any]] = {
    "POST /keys": {"owner": "kim", "roles": ["viewer"]},
    "POST /sessions": {"key": "mm_wrong"},
    "POST /orchestrator/runs": FIX,
    "POST /orchestrator/runs/{run_id}/approval-tokens": {"role": "approver"},
    "POST /orchestrator/runs/{run_id}/approvals": {"approver": {"id": "kim", "role": "approver"}, "token": "x"},
    "PUT /orchestrator/approval-gates/{service}": {"requirement": "none"},
}


def rows() -> dict[str, list[int]]:
    """Call → statuses."""
    lines = [line.split() for line in TABLE.strip().splitlines()]
    return {f"{method} {path}": [int(status) for status in statuses] for method, path, *statuses in lines}


def calls_of(app: FastAPI) -> Iterator[str]:
    """Every method and path that the app answers."""
    for route in app.routes:
        found = route.effective_route_contexts() if hasattr(route, "effective_route_contexts") else [route]
        for one in found:
            yield from (f"{method} {one.path.replace(':uuid', '')}" for method in one.methods - {"HEAD"})


def headers_of(database: Engine, csrf: Signer) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """What each kind of caller sends to the API, and to pages."""
    found: dict[str, tuple[dict[str, str], dict[str, str]]] = {"nobody": ({}, {})}
    for name in COLUMNS[1:]:
        key = make_key(uuid.uuid4().bytes + uuid.uuid4().bytes)
        with database.begin() as connection:
            role = name if name in ROLES else "admin"
            KeyRepository(connection).add_unless_known(name, "test", [role], hash_key(key))
        opened = open_session(database, Lasting.of(hours=1, idle_minutes=5), key)
        assert opened is not None
        cookie = {"Cookie": f"moonmind_session={opened[0]}"}
        with_proof = {**cookie, "X-CSRF-Token": csrf.sign(str(opened[1].session_id))}
        found[name] = (cookie, cookie) if name == "cookie" else ({"Authorization": f"Bearer {key}"}, with_proof)
    with database.begin() as connection:
        connection.execute(text("UPDATE api_keys SET revoked_at = now() WHERE owner = 'revoked'"))
        connection.execute(text("UPDATE api_keys SET expires_at = now() WHERE owner = 'expired'"))
    return found


def test_every_call_has_a_row_and_every_row_a_call() -> None:
    calls = list(calls_of(create_app(Settings(home=Path("/nowhere")))))
    assert sorted(rows()) == sorted(calls)
    assert {len(statuses) for statuses in rows().values()} == {len(COLUMNS)}


def test_nobody_changes_anything_without_a_valid_key_or_a_session_with_proof() -> None:
    """Nobody but who signs in, for which it takes a key. Pages lead to the sign-in."""
    for call, statuses in rows().items():
        if not call.startswith("GET ") and call not in ("POST /sessions", "POST /ui/sign-in"):
            answers = dict(zip(COLUMNS, statuses, strict=True))
            refused = 303 if " /ui/" in call else 401
            assert [answers[who] for who in ("nobody", "revoked", "expired")] == [refused] * 3, call
            assert answers["cookie"] == 403, call


def test_each_kind_of_caller_gets_the_answers_of_its_column(settings: Settings, database: Engine) -> None:
    often = {"rate_limit_anonymous": "9999/minute", "sign_in_limit": "9999/minute"}
    app = create_app(settings.model_copy(update={"api": settings.api.model_copy(update=often)}))
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
        callers = headers_of(database, app.state.context.csrf)

        def answer(call: str, who: str) -> int:
            method, path = call.split()
            is_page = path.startswith("/ui/")
            body = {"data" if is_page else "json": BODIES[call]} if call in BODIES else {}
            return client.request(method, path.format(**NAMES), headers=callers[who][is_page], **body).status_code

        found = {call: [answer(call, who) for who in COLUMNS] for call in rows()}
    assert written(found) == written(rows())


def written(answers: dict[str, list[int]]) -> list[str]:
    """As the table has it."""
    return [f"{call} {' '.join(map(str, statuses))}" for call, statuses in answers.items()]
