"""`/metrics`, and what the API says of each request: in its log, its counts and its headers."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.testclient import TestClient as PlainClient

from api_service.api.exposition import DatabaseCollector
from api_service.api.observed import CLIENT_GONE, Observed, RequestMetrics
from api_service.main import create_app
from moonmind.config.settings import Settings, load_settings
from moonmind.utils.log_context import ContextFilter
from tests.support.front import Front, make_keys, settings_of
from tests.support.house import House

LOOPBACK, ELSEWHERE = ("127.0.0.1", 50000), ("192.0.2.7", 50000)


@pytest.fixture
def house(tmp_path: Path, database: Engine) -> House:
    return House(tmp_path, database)


@pytest.fixture
def app(house: House, database_url: str) -> FastAPI:
    return create_app(settings_of(house, database_url))


@pytest.fixture
def here(app: FastAPI) -> Iterator[TestClient]:
    """A program of this machine."""
    with TestClient(app, client=LOOPBACK, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def elsewhere(app: FastAPI, here: TestClient) -> TestClient:
    """Somebody else; the app runs."""
    return TestClient(app, client=ELSEWHERE, raise_server_exceptions=False)


def samples(answer: httpx2.Response) -> dict[tuple[str, ...], float]:
    """Value by name and labels, as Prometheus would read them."""
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_a_program_of_this_machine_needs_no_key(here: TestClient) -> None:
    answer = here.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert samples(answer)["moonmind_orchestrator_database_up",] == 1


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via", "X-Forwarded-Host"])
def test_whoever_comes_through_a_proxy_is_not_of_this_machine(here: TestClient, header: str) -> None:
    assert here.get("/metrics", headers={header: "127.0.0.1"}).status_code == 401


def test_others_need_a_key_that_may_look(elsewhere: TestClient, house: House) -> None:
    refused = elsewhere.get("/metrics")
    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
    assert refused.json()["error"] == "not_authenticated"
    keys = make_keys(house)
    bearer = {name: {"Authorization": f"Bearer {key}"} for name, key in keys.items()}
    assert elsewhere.get("/metrics", headers=bearer["vic"]).status_code == 200
    assert elsewhere.get("/metrics", headers={"Authorization": "Bearer mm_no"}).status_code == 401


def test_a_key_without_the_role_does_not_open_it(elsewhere: TestClient, house: House) -> None:
    keys = make_keys(house)
    with house.database.begin() as connection:
        connection.execute(text("UPDATE api_keys SET roles = '{}' WHERE owner = 'vic'"))
    refused = elsewhere.get("/metrics", headers={"Authorization": f"Bearer {keys['vic']}"})
    assert (refused.status_code, refused.json()["error"]) == (403, "not_allowed")
    assert refused.json()["remediation"]


def test_settings_can_ask_everybody_for_a_key(house: House, database_url: str) -> None:
    given = {"MOONMIND_DATABASE__URL": database_url, "MOONMIND_METRICS__ACCESS": "key"}
    given["MOONMIND_API__ALLOWED_HOSTS"] = "testserver"
    settings = load_settings(house.home, {**given, "MOONMIND_BROKER__URL": f"filesystem://{house.home}/broker"})
    with TestClient(create_app(settings), client=LOOPBACK) as client:
        assert client.get("/metrics").status_code == 401


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text; version=1.0.0",
        "*/*",
        "text/plain;version=nonsense",
        "application/openmetrics-text; version=nonsense; escaping=x",
    ],
)
def test_whatever_form_is_asked_for_there_is_an_answer(here: TestClient, accept: str) -> None:
    answer = here.get("/metrics", headers={"Accept": accept})
    assert answer.status_code == 200
    wanted = "application/openmetrics-text; version=1.0.0" if "openmetrics" in accept else "text/plain"
    assert answer.headers["content-type"].startswith(wanted)
    assert answer.text.endswith("# EOF\n") == ("openmetrics" in accept)


def test_numbers_are_those_of_the_tables_whichever_process_is_asked(
    here: TestClient, house: House, database_url: str
) -> None:
    house.submit()
    house.deliver()
    house.runtime.works = lambda text: house.runtime.starts == 1
    house.submit("restart it")
    house.deliver()
    house.submit()
    with TestClient(create_app(settings_of(house, database_url)), client=LOOPBACK) as other:
        first, second = samples(here.get("/metrics")), samples(other.get("/metrics"))
    for found in (first, second):
        assert found["moonmind_orchestrator_runs_queued_total", "shop"] == 3
        assert found["moonmind_orchestrator_runs_total", "shop", "succeeded"] == 1
        assert found["moonmind_orchestrator_runs_total", "shop", "rolled_back"] == 1
        assert found["moonmind_orchestrator_runs_total", "shop", "failed"] == 0
        assert found["moonmind_orchestrator_rollbacks_unverified_total",] == 1
        assert found["moonmind_orchestrator_open_runs", "q", "pending"] == 1
        assert found["moonmind_orchestrator_steps_total", "succeeded", "restart"] == 2
        assert found["moonmind_orchestrator_steps_total", "failed", "verify"] == 1
        assert found["moonmind_orchestrator_steps_started_total", "analyze"] == 2
        assert found["moonmind_orchestrator_outbox_messages",] == 1
        assert found["moonmind_orchestrator_step_duration_seconds_count", "verify"] == 2
        assert found["moonmind_orchestrator_run_duration_seconds_count", "succeeded"] == 1
        assert found["moonmind_orchestrator_leases", "lapsed"] == 0


def test_sums_and_buckets_of_a_run_are_what_its_record_says(here: TestClient, house: House) -> None:
    run = house.submit()
    house.deliver()
    total = sum(house.detail(run)["metrics"].values())
    found = samples(here.get("/metrics"))
    assert found["moonmind_orchestrator_run_duration_seconds_sum", "succeeded"] == pytest.approx(total)
    buckets = {
        float(key[1]): value
        for key, value in found.items()
        if key[0] == "moonmind_orchestrator_run_duration_seconds_bucket"
    }
    assert buckets == {bound: float(total <= bound) for bound in buckets}
    assert math.inf in buckets


def test_a_database_that_is_away_is_a_number_and_no_error(here: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert samples(here.get("/metrics"))["moonmind_orchestrator_database_up",] == 1

    def away(*args: object) -> None:
        raise OperationalError("SELECT", {}, Exception("connection refused"))

    monkeypatch.setattr("api_service.api.exposition.read_standing", away)
    found = samples(here.get("/metrics"))
    assert found["moonmind_orchestrator_database_up",] == 0
    assert ("moonmind_orchestrator_outbox_messages",) not in found
    assert found["moonmind_http_requests_total", "GET", "/metrics", "200"] == 1


def test_totals_are_counted_anew_only_when_they_are_old_enough(house: House) -> None:
    now = [0.0]
    collector = DatabaseCollector(house.database, 15, clock=lambda: now[0])

    def queued() -> float:
        families = {family.name: family for family in collector.collect()}
        return sum(sample.value for sample in families["moonmind_orchestrator_runs_queued"].samples)

    assert queued() == 0
    house.submit()
    now[0] = 14.9
    assert queued() == 0
    now[0] = 15.0
    assert queued() == 1


def test_requests_are_counted_by_the_template_of_their_route(here: TestClient) -> None:
    key = _admin(here)
    for run in range(3):
        here.get(f"/orchestrator/runs/00000000-0000-0000-0000-00000000000{run}", headers=key)
    for path in ("/nothing", "/nothing/else?token=1", "/orchestrator/runs/x/y/z"):
        here.get(path)
    here.request("BREW", "/healthz")
    here.put("/healthz")
    found = samples(here.get("/metrics"))
    requests = {key[1:]: value for key, value in found.items() if key[0] == "moonmind_http_requests_total"}
    assert requests["GET", "/orchestrator/runs/{run_id}", "404"] == 3
    assert requests["GET", "unmatched", "404"] == 3
    assert requests["OTHER", "/healthz", "405"] == 1
    assert requests["PUT", "/healthz", "405"] == 1
    assert found["moonmind_http_request_duration_seconds_count", "GET", "/orchestrator/runs/{run_id}"] == 3
    assert found["moonmind_http_requests_open",] == 1, "the one that asks"


def _admin(client: TestClient) -> dict[str, str]:
    settings: Settings = client.app.state.context.settings  # type: ignore[attr-defined]
    return {"Authorization": f"Bearer {(settings.var / 'admin.key').read_text().strip()}"}


def logged(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.name == "moonmind.access"]


def test_each_request_is_one_line_that_says_who_and_what_but_no_secret(
    here: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    key = _admin(here)
    caplog.clear()
    here.get("/orchestrator/runs?cursor=s3cret", headers={**key, "X-Request-ID": "ticket-17"})
    here.get("/orchestrator/runs?token=s3cret")
    known, unknown = logged(caplog)
    assert {name: known[name] for name in ("request_id", "method", "route", "status", "person")} == {
        "request_id": "ticket-17",
        "method": "GET",
        "route": "/orchestrator/runs",
        "status": known["status"],
        "person": "admin",
    }
    assert 0 <= known["duration_ms"] < 60_000
    assert (unknown["status"], "person" in unknown) == (401, False)
    assert "s3cret" not in json.dumps([known, unknown], default=str)


def test_what_is_logged_meanwhile_names_the_request(
    here: TestClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.handler.addFilter(ContextFilter())

    def say(*args: object) -> None:
        logging.getLogger("some.library").warning("deep inside a thread of the pool")

    monkeypatch.setattr("api_service.api.routers.health.broker_answers", say)
    here.get("/readyz", headers={"X-Request-ID": "abc"})
    (record,) = [record for record in caplog.records if record.name == "some.library"]
    assert vars(record)["request_id"] == "abc"


@pytest.mark.parametrize("given", ["a" * 65, "", "two words", "a;b", "<script>"])
def test_a_request_gets_a_number_of_ours_where_its_own_is_not_plain(here: TestClient, given: str) -> None:
    answer = here.get("/healthz", headers={"X-Request-ID": given})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


def test_a_number_of_the_clients_own_comes_back_also_with_a_refusal(here: TestClient) -> None:
    for path in ("/healthz", "/nothing", "/orchestrator/runs"):
        assert here.get(path, headers={"X-Request-ID": "my.own-1"}).headers["x-request-id"] == "my.own-1"


def make_plain(metrics: RequestMetrics, app: Any) -> PlainClient:
    return PlainClient(Observed(app, metrics), raise_server_exceptions=False)


def value(metrics: RequestMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_event_streams_are_counted_while_they_are_open_and_are_no_slow_requests() -> None:
    metrics, open_during = RequestMetrics(), []

    async def body() -> Any:
        open_during.append(value(metrics, "moonmind_http_event_streams_open"))
        yield b"data: 1\n\n"

    async def events(request: Any) -> StreamingResponse:
        return StreamingResponse(body(), media_type="text/event-stream")

    client = make_plain(metrics, Starlette(routes=[Route("/events", events)]))
    assert client.get("/events").text == "data: 1\n\n"
    assert open_during == [1]
    assert set(metrics.gauges().values()) == {0}
    assert value(metrics, "moonmind_http_event_streams_open") == 0
    assert value(metrics, "moonmind_http_request_duration_seconds_count", method="GET", route="unmatched") is None


def test_files_of_a_mount_are_one_route() -> None:
    metrics = RequestMetrics()

    async def anything(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    client = make_plain(metrics, Starlette(routes=[Mount("/static", app=anything)]))
    for name in ("a.css", "b/c.js"):
        client.get(f"/static/{name}")
    assert value(metrics, "moonmind_http_requests_total", method="GET", route="/static", status="200") == 2


def test_a_client_that_left_is_counted_apart_from_what_failed() -> None:
    metrics = RequestMetrics()

    async def leaves(scope: Any, receive: Any, send: Any) -> None:
        """As a layer does that waits for a body and hears that the client is gone."""

    async def fails(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("a mistake")

    make_plain(metrics, leaves).get("/x")
    make_plain(metrics, fails).get("/x")
    for status in (CLIENT_GONE, 500):
        seen = {"method": "GET", "route": "unmatched", "status": str(status)}
        assert value(metrics, "moonmind_http_requests_total", **seen) == 1
    assert value(metrics, "moonmind_http_requests_open") == 0


def test_a_run_asked_for_over_http_has_its_person_in_the_log(
    protected: Callable[..., Front], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    front = protected()
    logging.getLogger().addHandler(caplog.handler)  # which the app's start has replaced
    front.create()
    created = [line for line in logged(caplog) if line["method"] == "POST"]
    assert [(line["person"], line["route"], line["status"]) for line in created] == [("kim", "/orchestrator/runs", 202)]
