#!/usr/lib/moonmind/bin/python
"""Health check of a worker's container: 0 while the worker is connected to RabbitMQ and PostgreSQL.

A connection that is open in this container's own network can only be the worker's; asking over the queue would wait
behind a long build.
"""

import os
import sys
from urllib.parse import urlsplit

import psutil

PORTS = {"MOONMIND_BROKER__URL": 5672, "MOONMIND_DATABASE__URL": 5432}


def missing() -> list[str]:
    """The settings whose server the worker has no open connection to."""
    found = psutil.net_connections("tcp")
    open_ports = {item.raddr.port for item in found if item.status == psutil.CONN_ESTABLISHED and item.raddr}
    return [name for name, port in PORTS.items() if (urlsplit(os.environ[name]).port or port) not in open_ports]


if __name__ == "__main__":
    sys.exit(f"not connected: {', '.join(absent)}" if (absent := missing()) else 0)
