"""What no caller can do too often, too large, packed, or under another name; and what every answer carries."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from api_service.main import create_app
from moonmind.config.settings import Api, Settings

RUNS = "/orchestrator/runs"
FIX = {"instruction": "fix the missing dependency", "target_service": "shop"}
FORWARDED = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}

Make = Callable[..., TestClient]


@pytest.fixture
def make(settings: Settings) -> Iterator[Make]:
    """A client of an API with other settings in [api]."""
    with ExitStack() as stack:

        def client(address: str = "198.51.100.1", **api: Any) -> TestClient:
            changed = Api.model_validate({**settings.api.model_dump(), **api})
            app = create_app(settings.model_copy(update={"api": changed}))
            return stack.enter_context(TestClient(app, raise_server_exceptions=False, client=(address, 50000)))

        yield client


def test_more_than_the_limit_is_refused_until_the_window_has_moved(make: Make, settings: Settings) -> None:
    client = make(rate_limit="3/minute")
    key = {"Authorization": f"Bearer {(settings.var / 'admin.key').read_text().strip()}"}
    client.get(RUNS, headers=key)  # from then on the key is known
    docs = client.get("/docs", headers=key)
    assert docs.headers["RateLimit"].startswith('"caller";r=2'), "also where nobody asks who it is"
    answers = [client.get(RUNS, headers=key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["RateLimit"].partition(";t=")[0] for answer in answers] == [
        f'"caller";r={left}' for left in (1, 0, 0)
    ]
    last = answers[-1]
    assert (last.headers["RateLimit-Policy"], last.json()["error"]) == ('"caller";q=3;w=60', "too_many_requests")
    assert last.headers["Content-Type"] == "application/problem+json"
    assert 0 < int(last.headers["Retry-After"]) <= 60
    assert client.get(RUNS).status_code == 401, "others are counted apart"
    assert client.get("/health", headers=key).status_code == 200


def test_guessing_keys_has_the_limit_of_an_address_whatever_else_is_asked_between(make: Make) -> None:
    client = make(rate_limit_anonymous="4/minute")
    guesses = [
        client.get(path, headers={"Authorization": f"Bearer mm_{n}"}) for n in range(3) for path in ("/docs", RUNS)
    ]
    assert [answer.status_code for answer in guesses] == [200, 401, 200, 401, 429, 429]
    cookies = client.get(RUNS, headers={"Cookie": "moonmind_session=mm_x"})
    assert cookies.status_code == 429


def test_a_key_that_is_revoked_counts_as_a_guess_from_then_on(make: Make, settings: Settings, database: Engine) -> None:
    client = make(rate_limit_anonymous="2/minute")
    key = {"Authorization": f"Bearer {(settings.var / 'admin.key').read_text().strip()}"}
    assert [client.get(RUNS, headers=key).status_code for _ in range(5)] == [200] * 5
    with database.begin() as connection:
        connection.execute(text("UPDATE api_keys SET revoked_at = now()"))
    assert [client.get(RUNS, headers=key).status_code for _ in range(4)] == [401, 401, 429, 429]


def test_signing_in_is_limited_by_address_alone(make: Make) -> None:
    client = make(sign_in_limit="2/minute")
    answers = [client.post("/sessions", json={"key": f"mm_{number}"}) for number in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert client.get(RUNS).status_code == 401


def test_addresses_of_one_ipv6_network_are_one(make: Make) -> None:
    client = make("2001:db8::1", rate_limit_anonymous="1/minute")
    other = TestClient(client.app, client=("2001:db8::2:1", 1))
    another = TestClient(client.app, client=("2001:db8:0:1::1", 1))
    assert [one.get(RUNS).status_code for one in (client, other, another)] == [401, 429, 401]


@pytest.mark.parametrize(
    ("trusted", "is_believed"), [((), False), (("10.0.0.1",), False), (("198.51.100.0/24",), True)]
)
def test_what_a_proxy_says_counts_when_the_settings_name_it(
    make: Make, settings: Settings, trusted: tuple[str, ...], is_believed: bool
) -> None:
    client = make(trusted_proxies=trusted, sign_in_limit="2/minute")
    key = (settings.var / "admin.key").read_text().strip()
    cookie = client.post("/sessions", json={"key": key}, headers=FORWARDED).headers["Set-Cookie"]
    assert ("Secure" in cookie) is is_believed
    answers = [
        client.post("/sessions", json={"key": "mm_x"}, headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code
        for n in range(3)
    ]
    assert (429 in answers) is not is_believed


def test_the_api_answers_under_its_own_names_only(make: Make) -> None:
    client = make(public_url="https://moonmind.example.org")
    for host in ("testserver", "localhost:8000", "LOCALHOST", "127.0.0.1:8000", "[::1]:80", "moonmind.example.org"):
        assert client.get("/health", headers={"Host": host}).status_code == 200, host
    for host in ("evil.example", "localhost.evil.example", "10.0.0.1", "moonmind.example.org.evil.example"):
        answer = client.get("/health", headers={"Host": host})
        assert (answer.status_code, answer.json()["error"]) == (421, "host_unknown"), host
    for host in ("", "a:b:c", "localhost@evil.example", "localhost/..", "localhost:99999"):
        answer = client.get("/health", headers={"Host": host})
        assert (answer.status_code, answer.json()["error"]) == (400, "host_invalid"), host


def test_where_the_api_listens_everywhere_any_address_will_do_but_no_name(make: Make) -> None:
    client = make(host="0.0.0.0")
    assert client.get("/health", headers={"Host": "10.1.2.3:8000"}).status_code == 200
    assert client.get("/health", headers={"Host": "evil.example"}).status_code == 421


def test_a_query_has_so_many_parameters_and_no_more(client: TestClient) -> None:
    assert client.get(RUNS + "?" + "&".join(["status=failed"] * 64)).status_code == 200
    answer = client.get(RUNS + "?" + "&".join(["status=failed"] * 65))
    assert (answer.status_code, answer.json()["error"]) == (400, "too_many_parameters")


def test_a_body_is_plain_json_and_says_so(client: TestClient) -> None:
    plain = json.dumps(FIX).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "jsonx", None):
        answer = client.post(RUNS, content=plain, headers={"Content-Type": kind} if kind else {})
        assert (answer.status_code, answer.json()["error"]) == (415, "content_type"), kind
    for coding in ("gzip", "br", "identity, gzip"):
        packed = {"Content-Type": "application/json", "Content-Encoding": coding}
        answer = client.post(RUNS, content=gzip.compress(plain), headers=packed)
        assert (answer.status_code, answer.json()["error"]) == (415, "content_encoding"), coding
    for kind in ("application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"):
        assert client.post(RUNS, content=plain, headers={"Content-Type": kind}).status_code == 202, kind


def test_every_answer_tells_browsers_to_trust_nothing(client: TestClient) -> None:
    for path, status in (("/docs", 200), (RUNS, 200), ("/nowhere", 404), (RUNS + "/x", 422)):
        answer = client.get(path)
        assert answer.status_code == status
        policy = answer.headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy)
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cross-Origin-Opener-Policy"] == answer.headers["Cross-Origin-Resource-Policy"]
        assert "camera=()" in answer.headers["Permissions-Policy"]
        assert "Strict-Transport-Security" not in answer.headers
        assert "Server" not in answer.headers
    client.base_url = client.base_url.copy_with(scheme="https")
    assert client.get("/health").headers["Strict-Transport-Security"] == "max-age=31536000"


def test_the_docs_name_every_call_and_shape_and_no_other_host(client: TestClient) -> None:
    page, api = client.get("/docs").text, client.get("/openapi.json").json()
    for path, methods in api["paths"].items():
        for method in methods:
            assert f'<h2 id="title-{methods[method]["operationId"]}"><code>{method.upper()} {path}</code></h2>' in page
    for name in api["components"]["schemas"]:
        assert f'id="shape-{name}"' in page
    for foreign in ("http://", "https://", 'src="', "<script", "<style"):
        assert foreign not in page
