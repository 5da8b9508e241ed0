"""kombu's broker in a folder: a worker that was asked to stop does not sit over an empty one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from kombu import Connection, Consumer, Queue

from moonmind.engine import folder_transport


def test_a_look_for_messages_is_a_short_one_however_long_was_asked_for(tmp_path: Path) -> None:
    options = {"data_folder_in": str(tmp_path), "data_folder_out": str(tmp_path), "control_folder": str(tmp_path)}
    with (
        Connection(transport=folder_transport.NAME, transport_options=options) as connection,
        Consumer(connection, [Queue("orchestrator.run")], callbacks=[lambda body, message: None]),
    ):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            connection.drain_events(timeout=60)
        assert time.monotonic() - began < 30
