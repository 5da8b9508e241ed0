"""Messages that nobody can understand are parked, not dropped and not tried for ever: the queue flows on.

A message that is understood is never poison: what it wakes is a row, and a step whose worker falls silent
`step_attempts` times is given up by that row.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from celery import Celery
from kombu import Exchange, Queue

log = logging.getLogger(__name__)

DEAD = "orchestrator.dead"
MOST_PARKED = 10_000
DEAD_QUEUE = Queue(
    DEAD,
    Exchange(DEAD),
    routing_key=DEAD,
    queue_arguments={"x-queue-type": "quorum", "x-max-length": MOST_PARKED, "x-overflow": "drop-head"},
)


def park(app: Celery, body: Any, why: str, *, queue: str, properties: Mapping[str, Any]) -> None:
    """Put a message aside as it came, with the reason. Raises kombu's OperationalError when the broker is away: then it
    must stay where it is. Its content stays out of the log: it may be anybody's."""
    log.error("a message of queue %s was parked in %s: %s", queue, DEAD, why)
    with app.producer_or_acquire() as producer:
        producer.publish(
            body,
            exchange=DEAD_QUEUE.exchange,
            routing_key=DEAD,
            declare=[DEAD_QUEUE],
            headers={"parked": why, "queue": queue},
            retry=False,
            **properties,
        )
