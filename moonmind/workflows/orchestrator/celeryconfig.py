"""Celery: queues and limits. The rows decide; the broker only wakes, so nothing here makes a message precious.

Early acknowledgement, no results, no retries, no remote control: a lost message is the reaper's business, and the lease
is what protects a long step from RabbitMQ's delivery time-out.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kombu import Exchange, Queue
from kombu.transport import TRANSPORT_ALIASES

from moonmind.config.home import current_home
from moonmind.config.settings import load_settings
from moonmind.engine import folder_transport

FILESYSTEM = "filesystem"
TRANSPORT_ALIASES[FILESYSTEM] = folder_transport.NAME


def transport_options(url: str, publish_timeout: float) -> dict[str, Any]:
    """For RabbitMQ: confirmed publishing that cannot hang. For one machine: the folder that the URL's path names.

    The time-outs are the socket's: they bound the wait for a confirmation, and for any other answer.
    """
    if urlsplit(url).scheme != FILESYSTEM:
        bounds = {"read_timeout": publish_timeout, "write_timeout": publish_timeout}
        return {"confirm_publish": True, "max_retries": 1, **bounds}
    folder = Path(urlsplit(url).path)
    for name in ("messages", "control"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    messages, control = str(folder / "messages"), str(folder / "control")
    return {
        "data_folder_in": messages,
        "data_folder_out": messages,
        "control_folder": control,
        "polling_interval": 0.05,
    }


_settings = load_settings(current_home(), os.environ)
_url = _settings.broker.url.get_secret_value()

broker_url = f"{FILESYSTEM}://" if urlsplit(_url).scheme == FILESYSTEM else _url
broker_transport_options = transport_options(_url, _settings.broker.publish_timeout)
broker_connection_timeout = _settings.broker.publish_timeout
broker_connection_retry_on_startup = True
broker_channel_error_retry = True  # a delivery time-out closes the channel; without this it would end the worker
broker_heartbeat = 30
accept_content = ["json"]
task_serializer = "json"
task_ignore_result = True
task_store_errors_even_if_ignored = False
task_acks_late = False
task_create_missing_queues = False
task_default_queue = _settings.orchestrator.light_queue
task_queues = [
    Queue(name, Exchange(name), routing_key=name, queue_arguments={"x-queue-type": "quorum"})
    for name in _settings.queues
]
worker_consumer = "moonmind.workflows.orchestrator.consumer:PlainConsumer"
worker_prefetch_multiplier = 1
worker_concurrency = _settings.orchestrator.concurrency
worker_enable_remote_control = False
worker_send_task_events = False
worker_hijack_root_logger = False
worker_cancel_long_running_tasks_on_connection_loss = False
event_queue_durable = True
event_queue_exclusive = False
enable_utc = True
