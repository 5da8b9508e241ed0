"""`var/stack.json`: how clients and other terminals find a running stack."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from moonmind.embedded.files import write_private
from moonmind.utils.processes import start_time

ANSWER_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Record:
    """`started` is RFC 3339; `pids` and `ports` by program; `born` is when supervisord began: pids are used again."""

    url: str
    pids: Mapping[str, int]
    born: float
    ports: Mapping[str, int]
    started: str

    def is_healthy(self) -> bool:
        """Whether that very supervisord lives and the API answers."""
        return start_time(self.pids["supervisord"]) == self.born and answers(self.url)


def record_file(home: Path) -> Path:
    """Where it lies."""
    return home / "var" / "stack.json"


def write_record(home: Path, record: Record) -> None:
    """Put it there, readable for us only and never half."""
    new = record_file(home).with_suffix(".new")
    write_private(new, json.dumps(asdict(record), indent=1) + "\n")
    new.replace(record_file(home))


def read_record(home: Path) -> Record | None:
    """The last stack's, None when there is none (or one that another version wrote)."""
    try:
        return Record(**json.loads(record_file(home).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def answers(url: str) -> bool:
    """Whether the API says that it is well."""
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS)) as connection:
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
