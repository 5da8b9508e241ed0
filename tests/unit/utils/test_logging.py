"""Our own logs: one stream, nothing secret in it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from moonmind.utils.logging import configure_logging
from moonmind.utils.redaction import Redactor

KNOWN = 'kT9-xY"77qLmZ'


class Terminal(io.StringIO):
    """A stream that a person watches."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def root() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], level = before
    root.setLevel(level)


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["for programs", "for people"])
def test_messages_arguments_and_exceptions_are_masked(stream: io.StringIO) -> None:
    configure_logging(Redactor([("shop-password", KNOWN)]), stream)
    log = logging.getLogger("shop")
    log.info("connecting with %s to %s", KNOWN, {"password": "hunter2", "digest": "sha256:" + "0a" * 32})
    try:
        raise ValueError(f"bad dsn postgres://kim:hunter2@db and {KNOWN}")
    except ValueError:
        log.exception("failed")
    said = stream.getvalue()
    assert "hunter2" not in said
    assert "77qLmZ" not in said
    assert "sha256:" + "0a" * 32 in said
    assert said.count("[redacted:shop-password]") >= 2
    assert "postgres://kim:[redacted:url-password]@db" in said
    assert "Traceback" in said


def test_every_line_is_json_and_a_servers_access_log_comes_here_too() -> None:
    stream = io.StringIO()
    access = logging.getLogger("uvicorn.access")
    access.addHandler(logging.StreamHandler(io.StringIO()))
    access.propagate = False
    configure_logging(Redactor(), stream)
    access.info('%s - "GET /content?token=%s HTTP/1.1" %d', "127.0.0.1", "ImFiYyI.aBcDeF.012", 200)
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["message"] == '127.0.0.1 - "GET /content?token=[redacted:token] HTTP/1.1" 200'
