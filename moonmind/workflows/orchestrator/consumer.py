"""Celery's consumer without native delayed delivery.

For quorum queues Celery sets up 28 delay queues for tasks with a countdown. Ours have none: the reaper brings back what
must wait. Its check for quorum queues must stay on, since it also turns off the global prefetch that they refuse.
"""

from __future__ import annotations

from celery.worker.consumer import Consumer

DELAYED_DELIVERY = "celery.worker.consumer.delayed_delivery:DelayedDelivery"


class PlainConsumer(Consumer):
    """Named by `worker_consumer` in the configuration."""

    class Blueprint(Consumer.Blueprint):
        """The same steps but one."""

        default_steps = tuple(step for step in Consumer.Blueprint.default_steps if step != DELAYED_DELIVERY)
