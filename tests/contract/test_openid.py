"""Signing in by OpenID Connect, against a provider that can be wrong in each way that matters."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from joserfc.jwk import ECKey

from api_service.main import create_app
from moonmind.config.settings import Oidc, Settings
from tests.support.openid import CLIENT, SECRET, FakeProvider, provider

START = "/ui/sign-in/oidc"


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with provider() as running:
        yield running


def oidc(fake: FakeProvider, **changes: Any) -> Oidc:
    """Developers are operators, leads approvers too."""
    given = {"issuer": fake.url, "client_id": CLIENT, "client_secret": SECRET}
    return Oidc.model_validate({**given, "roles": "developers=operator,leads=approver", **changes})


@pytest.fixture
def browser(settings: Settings, fake: FakeProvider) -> Iterator[TestClient]:
    """One that has not signed in; it follows no redirects by itself."""
    often = settings.api.model_copy(update={"sign_in_limit": "999/minute"})
    changed = settings.model_copy(update={"oidc": oidc(fake), "api": often})
    with TestClient(create_app(changed), raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


def ask_provider(browser: TestClient, **query: str) -> str:
    """To the provider, who lets Kim in; the address to which it sends the browser back."""
    answer = browser.get(START, params=query)
    assert answer.status_code == 303, answer.text
    return httpx.get(answer.headers["Location"], trust_env=False).headers["Location"]


def sign_in(browser: TestClient, **query: str) -> Response:
    back = urlsplit(ask_provider(browser, **query))
    return browser.get(f"{back.path}?{back.query}")


def test_who_the_provider_vouches_for_has_a_session_with_the_roles_of_their_groups(browser: TestClient) -> None:
    answer = sign_in(browser, next="/ui/runs?status=failed")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/ui/runs?status=failed")
    me = browser.get("/keys/me").json()
    assert (me["owner"], me["roles"], me["key_name"], me["signed_in_by"]) == ("kim", ["operator"], None, "session")
    fix = {"instruction": "fix it", "target_service": "shop"}
    assert browser.post("/orchestrator/runs", json=fix).status_code == 403, "the cookie alone changes nothing"
    proof = {"X-CSRF-Token": browser.get("/sessions/current").json()["csrf_token"]}
    assert browser.post("/orchestrator/runs", json=fix, headers=proof).json()["requested_by"] == "kim"
    assert "moonmind_sign_in" not in browser.cookies


def test_the_request_to_the_provider_carries_all_that_protects_it(browser: TestClient, fake: FakeProvider) -> None:
    ask_provider(browser)
    (asked,) = fake.asked.values()
    assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", CLIENT, "openid profile email")
    assert asked["redirect_uri"] == "http://testserver/ui/sign-in/oidc/callback"
    assert asked["code_challenge_method"] == "S256"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    assert all(len(asked[name]) >= 43 for name in ("state", "nonce", "code_challenge"))


def test_a_token_that_is_not_for_this_sign_in_opens_nothing(browser: TestClient, fake: FakeProvider) -> None:
    now = int(time.time())
    for wrong in (
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": [CLIENT, "another-client"]},
        {"aud": None},
        {"azp": "another-client"},
        {"iss": "http://127.0.0.1:1"},
        {"iss": None},
        {"exp": now - 120},
        {"exp": None},
        {"iat": now + 600},
        {"nbf": now + 600},
        {"sub": None},
        {"at_hash": "wrong"},
    ):
        fake.wrong = wrong
        answer = sign_in(browser)
        assert (answer.status_code, answer.json()["error"]) == (401, "sign_in_refused"), wrong
        assert browser.get("/keys/me").status_code == 401, wrong


def test_a_token_that_the_provider_did_not_sign_opens_nothing(browser: TestClient, fake: FakeProvider) -> None:
    for header in ({"alg": "none"}, {"alg": "HS256"}, {"kid": "unknown"}):
        fake.header = header
        answer = sign_in(browser)
        assert (answer.status_code, answer.json()["error"]) == (401, "sign_in_refused"), header
    fake.header, honest = {}, fake.keys
    sign_in(browser)
    browser.cookies.clear()
    fake.keys = [ECKey.generate_key("P-256", {"kid": "first"})]  # signs under a name that is known
    assert sign_in(browser).status_code == 401
    fake.keys = honest
    assert sign_in(browser).status_code == 303


def test_who_has_no_role_here_is_told_so(browser: TestClient, fake: FakeProvider) -> None:
    for wrong, says in (
        ({"groups": ["staff"]}, "kim has no role here"),
        ({"groups": None}, "kim has no role here"),
        ({"groups": {"developers": True}}, "kim has no role here"),
        ({"preferred_username": None}, "preferred_username"),
        ({"preferred_username": "kim lee"}, "preferred_username"),
        ({"preferred_username": ["kim"]}, "preferred_username"),
    ):
        fake.wrong = wrong
        answer = sign_in(browser)
        assert (answer.status_code, answer.json()["error"]) == (401, "sign_in_refused"), wrong
        assert says in answer.json()["detail"]


def test_an_answer_that_this_browser_did_not_ask_for_opens_nothing(browser: TestClient, fake: FakeProvider) -> None:
    back = urlsplit(ask_provider(browser))
    query = {name: values[0] for name, values in parse_qs(back.query).items()}
    for wrong in (
        {"state": "another"},
        {"state": ""},
        {"code": "another"},
        {"code": ""},
        {"error": "access_denied"},
        {"iss": "https://another.example"},
    ):
        answer = browser.get(back.path, params={**query, **wrong})
        assert (answer.status_code, answer.json()["error"]) == (401, "sign_in_refused"), wrong
    kept = dict(browser.cookies)
    browser.cookies.clear()
    assert browser.get(back.path, params=query).status_code == 401, "another browser"
    browser.cookies["moonmind_sign_in"] = kept["moonmind_sign_in"] + "x"
    assert browser.get(back.path, params=query).status_code == 401, "an altered cookie"
    browser.cookies.clear()
    browser.cookies.update(kept)
    assert browser.get(back.path, params=query).status_code == 303
    assert browser.get(back.path, params=query).status_code == 401, "a code opens one session"


def test_afterwards_one_is_on_a_page_of_ours_whatever_was_asked_for(browser: TestClient) -> None:
    for wanted in ("//evil.example", "https://evil.example", "/\\evil.example", "/ui/../..//evil.example"):
        assert sign_in(browser, next=wanted).headers["Location"] == "/ui/services"


def test_a_name_that_keys_have_in_other_letters_is_the_same_person(
    browser: TestClient, fake: FakeProvider, settings: Settings
) -> None:
    admin = {"Authorization": f"Bearer {(settings.var / 'admin.key').read_text().strip()}"}
    browser.post("/keys", json={"owner": "Kim", "roles": ["viewer"]}, headers=admin)
    sign_in(browser)
    assert browser.get("/keys/me").json()["owner"] == "Kim"


def test_a_provider_that_does_not_answer_as_it_should_is_no_fault_of_the_visitor(
    browser: TestClient, fake: FakeProvider
) -> None:
    for metadata, padding in (
        ({"issuer": "https://another.example"}, ""),
        ({"authorization_endpoint": None}, ""),
        ({"authorization_endpoint": "javascript:alert(1)"}, ""),
        ({}, " " * 300_000),
        ({}, "{"),
    ):
        fake.metadata, fake.padding = metadata, padding
        browser.app.state.context.provider._kept.clear()  # type: ignore[attr-defined]
        answer = browser.get(START)
        assert (answer.status_code, answer.json()["error"]) == (502, "provider_unavailable"), metadata
        assert fake.url not in answer.text
    fake.metadata, fake.padding = {}, ""
    browser.app.state.context.provider._kept.clear()  # type: ignore[attr-defined]
    assert sign_in(browser).status_code == 303


def test_a_provider_that_does_not_know_us_is_told_from_one_that_does_not_know_the_visitor(
    settings: Settings, fake: FakeProvider
) -> None:
    unknown = settings.model_copy(update={"oidc": oidc(fake, client_secret="another")})
    with TestClient(create_app(unknown), raise_server_exceptions=False, follow_redirects=False) as browser:
        answer = sign_in(browser)
        assert (answer.status_code, answer.json()["error"]) == (502, "provider_unavailable")


def test_new_keys_of_the_provider_are_asked_for_though_not_for_each_token(
    browser: TestClient, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sign_in(browser).status_code == 303
    fake.keys = [ECKey.generate_key("P-256", {"kid": "second"})]
    assert sign_in(browser).status_code == 401, "the keys were asked for a moment ago"
    assert fake.calls.count("/keys") == 1
    monkeypatch.setattr("moonmind.access.openid_provider.NEW_KEYS_SECONDS", 0.0)
    assert sign_in(browser).status_code == 303
    assert fake.calls.count("/keys") == 2


def test_without_a_provider_there_is_no_such_sign_in(client: TestClient) -> None:
    for path in (START, f"{START}/callback"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["error"]) == (404, "openid_not_configured")
