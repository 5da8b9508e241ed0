"""Reporting to StatsD never waits and never fails, whatever the sink is like."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from moonmind.utils import statsd_sender
from moonmind.utils.statsd_sender import StatsdSender
from moonmind.workflows.orchestrator.metrics import StatsdMetrics, make_metrics


class Client:
    """A client that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.closed = False

    def incr(self, name: str) -> None:
        self.told.append(name)

    def close(self) -> None:
        self.closed = True


def say(name: str) -> Callable[[Any], None]:
    return lambda client: client.incr(name)


@pytest.fixture
def sink() -> Iterator[socket.socket]:
    """A UDP port that somebody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(10)
        yield listening


def test_everything_in_hand_is_sent_in_order_before_it_closes() -> None:
    client = Client()
    sender = StatsdSender("sink", lambda: client)
    for number in range(100):
        sender.send(say(str(number)))
    sender.close()
    assert client.told == [str(number) for number in range(100)]
    assert client.closed


def test_a_host_that_resolves_slowly_delays_nobody() -> None:
    client, resolved = Client(), threading.Event()

    def connect() -> Client:
        resolved.wait(30)
        return client

    sender = StatsdSender("slow", connect)
    began = time.monotonic()
    for number in range(1000):
        sender.send(say(str(number)))
    assert time.monotonic() - began < 1
    resolved.set()
    sender.close()
    assert len(client.told) == 1000


def test_an_unknown_host_costs_the_reports_and_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    def connect() -> Client:
        raise socket.gaierror("Name or service not known")

    sender = StatsdSender("nowhere", connect)
    for _ in range(50):
        sender.send(say("lost"))
    sender.close()
    assert [record.getMessage() for record in caplog.records] == [
        "statsd: nowhere: Name or service not known; dropping"
    ]


def test_a_host_that_becomes_known_is_used_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statsd_sender, "RETRY_SECONDS", 0)
    client = Client()
    answers: list[Exception | Client] = [socket.gaierror("not yet"), client]

    def connect() -> Client:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    sender = StatsdSender("late", connect)
    sender.send(say("lost"))
    sender.send(say("sent"))
    sender.close()
    assert client.told == ["sent"]


def test_what_does_not_fit_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statsd_sender, "MOST_WAITING", 3)
    monkeypatch.setattr(statsd_sender, "CLOSE_SECONDS", 0.01)
    resolved = threading.Event()

    def connect() -> Client:
        resolved.wait(30)
        return Client()

    sender = StatsdSender("slow", connect)
    for _ in range(100):
        sender.send(say("one"))
    began = time.monotonic()
    sender.close()
    assert time.monotonic() - began < 1, "closing does not wait either"
    resolved.set()


def test_a_closed_port_is_no_trouble() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    metrics = StatsdMetrics("127.0.0.1", port)
    for _ in range(20):
        metrics.run_queued()
    metrics.close()


def test_names_and_values_arrive_as_statsd_has_them(sink: socket.socket) -> None:
    metrics = make_metrics(*sink.getsockname())
    metrics.run_ended("failed", 1.5)
    metrics.gauges({"leases.active": 2})
    heard = [sink.recv(512).decode() for _ in range(3)]
    metrics.close()
    assert heard == [
        "moonmind.orchestrator.runs.status.failed:1|c",
        "moonmind.orchestrator.runs.duration.failed:1500.000000|ms",
        "moonmind.orchestrator.leases.active:2|g",
    ]
