"""A client of event streams that knows nothing of ours: it reads the format and can go away at any time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class Heard:
    """One event as it came; its data as text, so that equal means equal to the byte."""

    id: str
    kind: str
    text: str

    @property
    def data(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.text)
        return said

    @property
    def short(self) -> str:
        """What it is about, in a word or a line."""
        return str(self.data.get("kind") or self.data.get("text") or self.data.get("status"))


def parse(body: str) -> list[Heard]:
    """A whole stream."""
    blocks = [dict(line.split(": ", 1) for line in block.split("\n")) for block in body.split("\n\n") if block]
    return [Heard(block["id"], block["event"], block["data"]) for block in blocks if "event" in block]


@contextmanager
def listening(url: str, key: str, last: str | None = None) -> Iterator[Iterator[Heard]]:
    """The events of a stream as they come; the connection is cut at the end of the block."""
    headers = {"Authorization": f"Bearer {key}", **({"Last-Event-ID": last} if last else {})}
    with httpx.stream("GET", url, headers=headers, timeout=60, trust_env=False, verify=False) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _heard(answer)


def _heard(answer: httpx.Response) -> Iterator[Heard]:
    rest = ""
    for piece in answer.iter_text():
        *blocks, rest = (rest + piece).split("\n\n")
        for block in blocks:
            yield from parse(block)
