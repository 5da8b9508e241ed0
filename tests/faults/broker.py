"""The rig's RabbitMQ: a real one in a container of its own, which can be killed, paused, purged and written to."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import amqp

from tests.faults.processes import until
from tests.servers import PASSWORD, ROOT, free_port

USER = VHOST = "moonmind"
FILES = ("docker-compose.test.yaml", "tests/faults/compose.yaml")
GREETING = b"AMQP\0\0\x09\x01"


class Broker:
    """One RabbitMQ, on the same ports through every restart."""

    def __init__(self, project: str) -> None:
        self.project, self.port, self.http = project, free_port(), free_port()
        self._env = {**os.environ, "TEST_RABBITMQ_PORT": str(self.port), "TEST_RABBITMQ_HTTP_PORT": str(self.http)}
        self._container = ""

    @property
    def url(self) -> str:
        return f"amqp://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{VHOST}"

    def start(self) -> None:
        """Start the container; `wait_ready` later."""
        self._compose("up", "--detach", "--quiet-pull", "rabbitmq")
        self._container = self._compose("ps", "--quiet", "rabbitmq").strip()

    def wait_ready(self) -> None:
        until(self._takes_us, "RabbitMQ answers")

    def settle(self) -> None:
        """Have it write to the disk which queues there are.

        A RabbitMQ that is killed within seconds of a quorum queue's declaration comes back with a queue that takes
        nothing and gives nothing.
        """
        self._docker("exec", self._container, "rabbitmqctl", "--quiet", "eval", "[dets:sync(T) || T <- dets:all()].")

    def remove(self) -> None:
        self._compose("down", "--volumes", "--timeout", "1")

    def kill(self) -> None:
        self._docker("kill", self._container)

    def restart(self) -> None:
        """Start it again after `kill`; durable queues are as they were."""
        self._docker("start", self._container)
        self.wait_ready()

    def pause(self) -> None:
        """Hang: connections stay, nothing is answered."""
        self._docker("pause", self._container)

    def unpause(self) -> None:
        self._docker("unpause", self._container)

    def make_well(self) -> None:
        """Whatever a fault left it in: running and answering."""
        state = self._docker("inspect", "--format", "{{.State.Status}}", self._container).strip()
        if state == "paused":
            self.unpause()
        elif state != "running":
            self.restart()

    def depth(self, queue: str) -> int:
        """Messages that nobody has; -1 for a queue that does not exist."""
        declared = self._ask(queue)
        return declared.message_count if declared else -1

    def consumers(self, queue: str) -> int:
        declared = self._ask(queue)
        return declared.consumer_count if declared else 0

    def purge(self, queue: str) -> int:
        """How many messages were lost."""
        with self.channel() as channel:
            return int(channel.queue_purge(queue))

    def take(self, queue: str) -> amqp.Message:
        """The next message, for good."""
        taken: list[amqp.Message] = []

        def got() -> bool:
            with self.channel() as channel:
                message = channel.basic_get(queue, no_ack=True)
                taken.extend([message] if message else [])
            return bool(taken)

        until(got, f"a message is in {queue}")
        return taken[0]

    def publish(self, queue: str, body: bytes | str, **properties: Any) -> None:
        with self.channel() as channel:
            channel.basic_publish(amqp.Message(body, **properties), routing_key=queue, exchange="")

    def set_delivery_timeout(self, milliseconds: int | None) -> None:
        """How long a delivery may stay unacknowledged, for every queue; None: the default of half an hour."""
        path = f"policies/{VHOST}/delivery-timeout"
        if milliseconds is None:
            return self._manage("DELETE", path, None)
        return self._manage("PUT", path, {"pattern": ".*", "definition": {"consumer-timeout": milliseconds}})

    @contextmanager
    def channel(self) -> Iterator[Any]:
        with amqp.Connection(
            f"127.0.0.1:{self.port}", USER, PASSWORD, virtual_host=VHOST, connect_timeout=5, read_timeout=10
        ) as connection:
            yield connection.channel()

    def _ask(self, queue: str) -> Any:
        try:
            with self.channel() as channel:
                return channel.queue_declare(queue, passive=True)
        except amqp.NotFound:
            return None

    def _takes_us(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as probe:
                probe.settimeout(2)
                probe.sendall(GREETING)
                if not probe.recv(8):
                    return False
            with self.channel():
                return True
        except (OSError, amqp.AMQPError):
            return False

    def _manage(self, method: str, path: str, body: Mapping[str, Any] | None) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http}/api/{path}", method=method,
            data=json.dumps(body).encode() if body is not None else None,
        )  # fmt: skip
        request.add_header("Authorization", "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode())
        request.add_header("Content-Type", "application/json")
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30).close()

    def _compose(self, *args: str) -> str:
        files = [part for file in FILES for part in ("--file", str(ROOT / file))]
        return self._docker("compose", *files, "--project-name", self.project, *args)

    def _docker(self, *args: str) -> str:
        done = subprocess.run(["docker", *args], env=self._env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"docker {' '.join(args)}: {done.stderr.strip()}")
        return done.stdout
