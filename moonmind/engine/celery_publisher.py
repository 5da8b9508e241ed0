"""Publishing to Celery, within bounded time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celery import Celery, chain
from kombu.exceptions import OperationalError

from moonmind.engine.jobs import BrokerAwayError


class CeleryPublisher:
    """Publishes chains of immutable signatures by task name; retries are the dispatcher's, not kombu's."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def publish(self, queue: str, tasks: tuple[str, ...], payload: Mapping[str, Any]) -> None:
        """Send the chain. Raises BrokerAwayError."""
        signatures = [self._app.signature(name, args=(dict(payload),), immutable=True, queue=queue) for name in tasks]
        try:
            chain(*signatures).apply_async(retry=False)
        except (OperationalError, OSError) as error:
            raise BrokerAwayError(str(error)) from error
