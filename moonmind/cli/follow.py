"""Following a run's event stream over lost connections: no event twice, none left out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from moonmind.cli.client import Client, NotReachableError
from moonmind.engine.backoff import backoff_seconds

PATIENCE_SECONDS = 60.0
"""How long an API that did answer may be away."""
LONGEST_PAUSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of the stream: `state`, `log` or, last, `end`."""

    id: str
    event: str
    data: Mapping[str, Any]


def follow(client: Client, run_id: str, since: str | None, lost: Callable[[], None]) -> Iterator[Happened]:
    """What happens after `since` (None: from the beginning) until the run is over; `lost` is called at each loss.

    Raises NotReachableError when the API never answered, or stays away for a minute; RefusedError.
    """
    deadline, failures = time.monotonic(), 0
    while True:
        try:
            with client.stream(f"/orchestrator/runs/{run_id}/events", since) as lines:
                if lines is None:
                    return
                for line in read_events(lines):
                    deadline, failures = time.monotonic() + PATIENCE_SECONDS, 0
                    if line is not None:
                        yield line
                        since = line.id
                        if line.event == "end":
                            return
        except NotReachableError:
            if time.monotonic() >= deadline:
                raise
            if failures == 0:
                lost()
        failures += 1
        time.sleep(backoff_seconds(failures, most=LONGEST_PAUSE_SECONDS))


def read_events(lines: Iterable[str]) -> Iterator[Happened | None]:
    """Events in the form of `text/event-stream`; None for what only shows that the stream is alive.

    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html, as far as our API uses it.
    """
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
            continue
        yield Happened(fields["id"], fields["event"], json.loads(fields["data"])) if "data" in fields else None
        fields = {}
