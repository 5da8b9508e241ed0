"""Celery's consumer without native delayed delivery, and with a place for messages that it does not understand.

For quorum queues Celery sets up 28 delay queues for tasks with a countdown. Ours have none: the reaper brings back what
must wait. Its check for quorum queues must stay on, since it also turns off the global prefetch that they refuse.
"""

from __future__ import annotations

from typing import Any

from celery.worker.consumer import Consumer
from kombu import Message

from moonmind.workflows.orchestrator.dead_letters import park

DELAYED_DELIVERY = "celery.worker.consumer.delayed_delivery:DelayedDelivery"


class PlainConsumer(Consumer):
    """Named by `worker_consumer` in the configuration."""

    class Blueprint(Consumer.Blueprint):
        """The same steps but one."""

        default_steps = tuple(step for step in Consumer.Blueprint.default_steps if step != DELAYED_DELIVERY)

    def on_decode_error(self, message: Message, exc: Exception) -> None:
        """Not JSON, or a form that is not accepted, such as pickle."""
        self._park(message, f"cannot be read: {type(exc).__name__}")

    def on_unknown_message(self, body: Any, message: Message) -> None:
        """No task at all."""
        self._park(message, "is no task")

    def on_unknown_task(self, body: Any, message: Message, exc: Exception) -> None:
        """A task that this release does not have."""
        self._park(message, "names a task that is not known here")

    def on_invalid_task(self, body: Any, message: Message, exc: Exception) -> None:
        """A task whose message is malformed."""
        self._park(message, f"is malformed: {type(exc).__name__}")

    def _park(self, message: Message, why: str) -> None:
        queue = str((message.delivery_info or {}).get("routing_key", "?"))
        form = {"content_type": message.content_type, "content_encoding": message.content_encoding}
        park(self.app, message.body, why, queue=queue, properties=form)
        message.ack()
