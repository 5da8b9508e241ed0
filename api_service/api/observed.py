"""Every request, once: its number, a line in the log, and this process's counts. Never a path, a query or a key."""

from __future__ import annotations

import logging
import re
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moonmind.utils.log_context import log_context
from moonmind.workflows.orchestrator.gauges import GaugeReporter, as_word
from moonmind.workflows.orchestrator.metrics import Metrics

log = logging.getLogger("moonmind.access")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"
"""The route of a request for a path that there is not."""
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
CLIENT_GONE = 499
"""The status of a request whose client went away before there was an answer."""
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class RequestMetrics:
    """Counts of one process. Labels are route templates, known methods and statuses: their number is bounded."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.total = Counter("moonmind_http_requests_total", "Requests answered.", labels, registry=self.registry)
        self.seconds = Histogram(
            "moonmind_http_request_duration_seconds",
            "Time to the last byte; event streams are left out.",
            ("method", "route"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.open = Gauge("moonmind_http_requests_open", "Requests under way.", registry=self.registry)
        self.streams = Gauge("moonmind_http_event_streams_open", "Event streams under way.", registry=self.registry)
        self._host = as_word(socket.gethostname())

    def gauges(self) -> Mapping[str, float]:
        """For StatsD, by name below `moonmind.orchestrator`."""
        (streams,) = self.streams.collect()
        return {f"event_streams.{self._host}": streams.samples[0].value}


@contextmanager
def reporting(requests: RequestMetrics, metrics: Metrics, interval: float) -> Iterator[None]:
    """Tells StatsD of this process's event streams, from a thread of its own, for the length of the block."""
    stop = threading.Event()
    thread = threading.Thread(
        target=GaugeReporter(requests.gauges, metrics, interval=interval).run, args=(stop,), name="gauges", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@dataclass(slots=True)
class _Answer:
    """What is known of an answer so far."""

    status: int = CLIENT_GONE
    is_stream: bool = False


class Observed:
    """The outermost middleware. `X-Request-ID` is taken from the client if it is a plain word of 64 letters at most."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number, answer, began = _request_id(scope), _Answer(), time.perf_counter()
        scope.setdefault("state", {})

        async def send_with_number(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-ID"] = number
                self._begin(answer, message)
            await send(message)

        self._metrics.open.inc()
        try:
            with log_context(request_id=number):
                await self._app(scope, receive, send_with_number)
        except Exception:
            if answer.status == CLIENT_GONE:  # nothing was answered yet: the framework does it, outside of here
                answer.status = HTTPStatus.INTERNAL_SERVER_ERROR
            raise
        finally:
            self._metrics.open.dec()
            self._end(scope, answer, time.perf_counter() - began, number)

    def _begin(self, answer: _Answer, message: Message) -> None:
        answer.status = message["status"]
        answer.is_stream = Headers(raw=message["headers"]).get("content-type", "").startswith("text/event-stream")
        if answer.is_stream:
            self._metrics.streams.inc()

    def _end(self, scope: Scope, answer: _Answer, seconds: float, number: str) -> None:
        method, route = method_of(scope), route_of(scope)
        self._metrics.total.labels(method, route, answer.status).inc()
        if answer.is_stream:
            self._metrics.streams.dec()
        else:
            self._metrics.seconds.labels(method, route).observe(seconds)
        said: dict[str, Any] = {"request_id": number, "method": method, "route": route, "status": answer.status}
        said |= {"duration_ms": round(seconds * 1000, 1)}
        if (person := scope["state"].get("person")) is not None:
            said["person"] = person
        log.info("%s %s %d", method, route, answer.status, extra=said)


def method_of(scope: Scope) -> str:
    """The method, if it is one of the usual."""
    method = str(scope["method"])
    return method if method in METHODS else "OTHER"


def route_of(scope: Scope) -> str:
    """The template of the path, such as `/orchestrator/runs/{run_id}`; of mounted files, where they are mounted."""
    return str(getattr(scope.get("route"), "path", UNMATCHED))


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
