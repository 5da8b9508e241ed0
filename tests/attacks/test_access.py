"""Access: floods, other sites' pages, forged names, stolen or guessed cookies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.attacks.tally import Tally
from tests.attacks.town import RUNS, Town
from tests.servers import answers, api, free_port, running, until

FIX = {"instruction": "fix it", "target_service": "shop"}
COOKIE = "moonmind_session"


@contextmanager
def signed_in(town: Town, by: str = "kim") -> Iterator[tuple[httpx.Client, str]]:
    """A browser with a session, and the proof that its pages send."""
    with httpx.Client(base_url=town.url, timeout=30, trust_env=False) as browser:
        made = browser.post("/sessions", json={"key": town.keys[by]})
        assert made.status_code == 201, made.text
        town.secrets[f"session of {by}"] = browser.cookies[COOKIE]
        yield browser, made.json()["csrf_token"]


def test_changes_that_another_sites_page_asks_for_are_refused(town: Town, tally: Tally) -> None:
    with signed_in(town) as (browser, proof), signed_in(town, "ann") as (_, anothers):
        foreign: list[dict[str, str]] = [
            {},
            {"X-CSRF-Token": ""},
            {"X-CSRF-Token": "x"},
            {"X-CSRF-Token": anothers},
            {"X-CSRF-Token": proof[:-1]},
            {"X-CSRF-Token": proof, "Origin": "http://evil.example"},
            {"X-CSRF-Token": proof, "Origin": "null"},
            {"X-CSRF-Token": proof, "Origin": town.url.replace("127.0.0.1", "127.0.0.1.evil.example")},
            {"X-CSRF-Token": proof, "Sec-Fetch-Site": "cross-site"},
            {"X-CSRF-Token": proof, "Sec-Fetch-Site": "same-site"},
        ]
        for headers in foreign:
            for method, path in (("POST", RUNS), ("DELETE", "/sessions/current")):
                answer = tally.case(lambda m=method, p=path, h=headers: browser.request(m, p, json=FIX, headers=h))
                assert (answer.status_code, answer.json()["error"]) == (403, "csrf_refused"), headers
        plain = tally.case(lambda: browser.post(RUNS, content="{}", headers={"Content-Type": "text/plain"}))
        assert plain.status_code == 415


def test_cookies_that_are_guessed_altered_or_ended_open_nothing(town: Town, tally: Tally) -> None:
    with signed_in(town) as (browser, proof):
        secret = browser.cookies[COOKIE]
        for wrong in ("", "x", secret[:-1], secret + "x", secret.swapcase(), "null", "a" * 4000, f"{secret}\x7f"):
            headers = {"Cookie": f"{COOKIE}={wrong}"}
            answer = tally.case(lambda headers=headers: town.call("GET", RUNS, by=None, headers=headers))
            assert answer.status_code == 401, wrong
        assert browser.delete("/sessions/current", headers={"X-CSRF-Token": proof}).status_code == 204
        headers = {"Cookie": f"{COOKIE}={secret}"}
        assert tally.case(lambda: town.call("GET", RUNS, by=None, headers=headers)).status_code == 401


def test_a_forged_name_gets_no_answer(town: Town, tally: Tally) -> None:
    for host in (
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example:8000",
        "[::ffff:1.2.3.4]",
    ):
        answer = tally.case(lambda host=host: town.call("GET", RUNS, headers={"Host": host}))
        assert (answer.status_code, answer.json()["error"]) == (421, "host_unknown"), host
    for host in ("", "a@127.0.0.1", "127.0.0.1:x", "127.0.0.1/evil", "127.0.0.1, evil.example"):
        answer = tally.case(lambda host=host: town.call("GET", RUNS, headers={"Host": host}))
        assert answer.status_code in (400, 421), host


@pytest.fixture(scope="module")
def strict(town: Town) -> Iterator[Callable[..., httpx.Response]]:
    """Requests to a second API process of the town, with limits that a test reaches."""
    port = free_port()
    limits = {"RATE_LIMIT": "20/minute", "RATE_LIMIT_ANONYMOUS": "10/minute", "SIGN_IN_LIMIT": "5/minute"}
    env = town.env(**{f"MOONMIND_API__{name}": value for name, value in limits.items()})
    with running(*api(port), "--no-proxy-headers", env=env, log=town.logs / "strict-api.log"):
        until(lambda: answers(f"http://127.0.0.1:{port}/health"), seconds=240, what="the strict API answers")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            yield client.request


def flood(strict: Callable[..., Any], times: int, *args: Any, **rest: Any) -> list[httpx.Response]:
    return [strict(*args, **rest) for _ in range(times)]


def test_floods_are_told_when_to_come_back(town: Town, strict: Callable[..., Any], tally: Tally) -> None:
    key = {"Authorization": f"Bearer {town.keys['vic']}"}
    others = {"Authorization": f"Bearer {town.keys['ben']}"}
    assert strict("GET", RUNS, headers=others).status_code == 200
    floods = {
        "one key": (22, "GET", RUNS, {"headers": key}),
        "nobody": (12, "GET", RUNS, {}),
        "wrong keys": (12, "POST", "/sessions", {"json": {"key": "mm_" + "x" * 43}}),
    }
    for name, (times, method, path, rest) in floods.items():
        got = flood(strict, times, method, path, **rest)
        tally.add(times)
        refused = [answer for answer in got if answer.status_code == 429]
        assert refused, name
        assert got[-1].status_code == 429, name
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused), name
    assert strict("GET", RUNS, headers=others).status_code == 200  # a flood of others shuts out nobody who was in
    assert strict("GET", "/health").status_code == 200


def test_addresses_that_a_client_claims_do_not_count(strict: Callable[..., Any], tally: Tally) -> None:
    flood(strict, 12, "GET", RUNS)
    for number in range(5):
        headers = {
            "X-Forwarded-For": f"10.0.0.{number}",
            "Forwarded": f"for=10.0.0.{number}",
            "X-Real-IP": f"10.0.0.{number}",
        }
        answer = tally.case(lambda headers=headers: strict("GET", RUNS, headers=headers))
        assert answer.status_code == 429
