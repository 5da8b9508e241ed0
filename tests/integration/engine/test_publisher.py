"""The real publisher and a real RabbitMQ that falls silent."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import closing

import pytest
from celery import Celery
from kombu import Exchange, Queue

from moonmind.engine.celery_publisher import CeleryPublisher
from moonmind.engine.jobs import BrokerAwayError
from moonmind.workflows.orchestrator.celeryconfig import transport_options
from tests.faults.broker import Broker
from tests.faults.relay import Relay

pytestmark = [pytest.mark.docker, pytest.mark.rabbitmq]
SECONDS = 0.5


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    broker = Broker(f"mmpublisher-{uuid.uuid4().hex[:8]}")
    broker.start()
    broker.wait_ready()
    yield broker
    broker.remove()


def test_a_broker_that_falls_silent_is_away_within_bounded_time_and_is_used_again(broker: Broker) -> None:
    with closing(Relay(None, ("127.0.0.1", broker.port))) as relay:
        app = Celery("test", broker=broker.url.replace(str(broker.port), str(relay.port)))
        app.conf.broker_transport_options = transport_options(broker.url, SECONDS)
        app.conf.broker_connection_timeout = SECONDS
        app.conf.task_queues = [Queue("q", Exchange("q"), routing_key="q", queue_arguments={"x-queue-type": "quorum"})]
        publisher = CeleryPublisher(app)
        publisher.publish("q", ("a", "b"), {"n": 1})
        relay.set("hang")
        began = time.monotonic()
        for _ in range(2):
            with pytest.raises(BrokerAwayError):
                publisher.publish("q", ("a", "b"), {"n": 2})
        assert time.monotonic() - began < 10 * SECONDS
        relay.set("pass")
        publisher.publish("q", ("a", "b"), {"n": 3})
        assert broker.depth("q") >= 2
        app.close()
