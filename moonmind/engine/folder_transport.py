"""kombu's broker in a folder, with messages that appear whole.

kombu writes a message under its final name, and a consumer that looks in that instant takes an empty file: its worker
ends with "Unrecoverable error". So a message is written beside, and named when it is complete; a file that is no
message is reported and passed over.
"""

from __future__ import annotations

import logging
import os
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps

log = logging.getLogger(__name__)

NAME = f"{__name__}:Transport"
LONGEST_LOOK = 0.2
"""Seconds. Celery looks for two at a time, once more after it was asked to stop, and stops in between."""


class Channel(filesystem.Channel):  # type: ignore[misc]  # kombu's types are not followed
    """Whole messages only."""

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:
        """Write, then name. Raises OSError."""
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        folder = Path(self.data_folder_out)
        beside = folder / f".{name}"
        beside.write_bytes(dumps(payload).encode())
        os.replace(beside, folder / name)

    def _get(self, queue: str) -> Any:
        """The next message. Raises Empty."""
        try:
            return super()._get(queue)
        except ValueError as error:  # no JSON, or no UTF-8; the file is gone from the folder
            log.error("a file in the folder of %s is no message and was passed over: %s", queue, error)
            raise Empty from None


class Transport(filesystem.Transport):  # type: ignore[misc]
    """`filesystem://` as this project uses it."""

    Channel = Channel

    def drain_events(self, connection: Any, timeout: float | None = None) -> None:
        """Wait for a message and deliver it. Raises TimeoutError when none comes in time."""
        super().drain_events(connection, None if timeout is None else min(timeout, LONGEST_LOOK))
