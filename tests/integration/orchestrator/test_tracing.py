"""Traces as a collector gets them: OTLP over HTTP, decoded from protobuf."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from sqlalchemy import Engine

from moonmind.config.errors import SettingsError
from moonmind.config.settings import load_settings
from moonmind.workflows.orchestrator import otlp
from moonmind.workflows.orchestrator.otlp import OtlpTracing, make_tracing
from moonmind.workflows.orchestrator.tracing import NullTracing, Tracing, run_span
from tests.servers import until
from tests.support.house import STEPS, House


class Collector(ThreadingHTTPServer):
    """Keeps the spans that it is sent; while `stuck`, it answers nobody."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.spans: list[Span] = []
        self.services: set[str] = set()
        self.asked = threading.Event()
        self.goes_on = threading.Event()
        self.goes_on.set()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/traces"


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Collector)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.set()
        self.server.goes_on.wait(30)
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.server.services |= {
                item.value.string_value for item in resource.resource.attributes if item.key == "service.name"
            }
            self.server.spans += [span for scope in resource.scope_spans for span in scope.spans]
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.goes_on.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def tracing(collector: Collector) -> Iterator[Tracing]:
    made = make_tracing(collector.endpoint, "moonmind-orchestrator")
    yield made
    made.close()


def attributes(span: Span) -> dict[str, object]:
    return {
        item.key.removeprefix("moonmind."): getattr(item.value, str(item.value.WhichOneof("value")))
        for item in span.attributes
    }


def test_a_run_is_one_trace_though_api_and_worker_send_it_apart(
    tmp_path: Path, database: Engine, collector: Collector, tracing: Tracing
) -> None:
    house, api = House(tmp_path, database), make_tracing(collector.endpoint, "moonmind-orchestrator")
    house.runtime.works = lambda text: False
    house.tools = replace(house.tools, tracing=api)
    run = house.submit("fix the s3cret dependency")
    house.tools = replace(house.tools, tracing=tracing)
    house.deliver()
    for sender in (api, tracing):
        sender.close()
    until(lambda: len(collector.spans) == 8, seconds=10, what="every span is there")
    by_name = {span.name: span for span in collector.spans}
    assert set(by_name) == {"run", "submit", "step rollback", *(f"step {step}" for step in STEPS)}
    root = by_name.pop("run")
    assert {span.trace_id for span in collector.spans} == {run.bytes}
    assert root.parent_span_id == b""
    assert {span.parent_span_id for span in by_name.values()} == {root.span_id}
    assert len({span.span_id for span in collector.spans}) == 8
    assert attributes(root)["status"] == "rolled_back"
    assert attributes(by_name["step verify"]) == {
        "service": "shop",
        "step": "verify",
        "attempt": 1,
        "outcome": "failed",
        "failure_code": "verify_failed",
    }
    assert by_name["step verify"].status.code == root.status.code == Status.STATUS_CODE_ERROR
    assert by_name["step build"].status.code == Status.STATUS_CODE_OK
    assert collector.services == {"moonmind-orchestrator"}
    assert "s3cret" not in str(collector.spans)


def test_a_collector_that_does_not_answer_delays_nobody_and_not_the_end_either(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp, "CLOSE_SECONDS", 0.2)
    monkeypatch.setattr(otlp, "BATCH", 1)
    collector.goes_on.clear()
    tracing = OtlpTracing(collector.endpoint, "test")
    tracing.add(run_span(uuid4(), 1, 2, {}, failed=False))
    assert collector.asked.wait(10)
    began = time.monotonic()
    for _ in range(1000):
        tracing.add(run_span(uuid4(), 1, 2, {}, failed=False))
    tracing.close()
    assert time.monotonic() - began < 2
    collector.goes_on.set()


def test_a_collector_that_is_not_there_is_no_trouble(collector: Collector) -> None:
    endpoint = collector.endpoint
    collector.server_close()
    tracing = make_tracing(endpoint, "test")
    tracing.add(run_span(uuid4(), 1, 2, {}, failed=False))
    tracing.close()


def test_without_an_endpoint_nothing_is_imported_and_nothing_sent() -> None:
    assert isinstance(make_tracing(None, "test"), NullTracing)


@pytest.mark.parametrize("missing", ["opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter"])
def test_an_endpoint_without_the_extra_is_an_error_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str
) -> None:
    for name in [*sys.modules]:
        if name == missing or name.startswith(f"{missing}."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Hidden(missing), *sys.meta_path])
    with pytest.raises(
        SettingsError, match=r"MOONMIND_TRACING__ENDPOINT.*pip install 'moonmind-orchestrator\[tracing\]'"
    ):
        load_settings(tmp_path, {"MOONMIND_TRACING__ENDPOINT": "http://collector:4318"})


class Hidden:
    """A finder for which a package, and all below it, is not installed."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == self.package or name.startswith(f"{self.package}."):
            raise ModuleNotFoundError(name)


@pytest.mark.parametrize("endpoint", ["127.0.0.1:4318", "ftp://host/", "http://kim:pw@host/v1/traces", "http://ho st/"])
def test_an_endpoint_that_is_none_is_refused(tmp_path: Path, endpoint: str) -> None:
    with pytest.raises(SettingsError, match="MOONMIND_TRACING__ENDPOINT"):
        load_settings(tmp_path, {"MOONMIND_TRACING__ENDPOINT": endpoint})


def test_a_host_alone_means_its_usual_address_for_traces(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {"MOONMIND_TRACING__ENDPOINT": "http://collector:4318"})
    assert settings.tracing.endpoint == "http://collector:4318/v1/traces"


def test_a_worker_without_tracing_does_not_load_opentelemetry() -> None:
    modules = "[name for name in sys.modules if name.startswith('opentelemetry')]"
    probe = f"import sys, moonmind.workflows.orchestrator.tasks; print({modules})"
    answer = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=True)
    assert answer.stdout.strip() == "[]"
