"""Our own logs: one stream, nothing secret in it."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator

import pytest

from moonmind.utils.log_context import carried, log_context
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


def test_every_line_is_json_and_a_server_says_its_lines_here_too() -> None:
    stream = io.StringIO()
    server = logging.getLogger("uvicorn.error")
    server.addHandler(logging.StreamHandler(io.StringIO()))
    server.propagate = False
    configure_logging(Redactor(), stream)
    server.info('%s - "GET /content?token=%s HTTP/1.1" %d', "127.0.0.1", "ImFiYyI.aBcDeF.012", 200)
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["message"] == '127.0.0.1 - "GET /content?token=[redacted:token] HTTP/1.1" 200'


def test_a_servers_own_access_log_is_silent_since_the_api_writes_one() -> None:
    stream = io.StringIO()
    configure_logging(Redactor(), stream)
    access = logging.getLogger("uvicorn.access")
    access.info("GET /content?token=1")
    assert stream.getvalue() == ""
    assert not access.hasHandlers(), "what uvicorn asks before it makes a line"


def lines_of(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_records_inside_a_context_carry_its_fields_from_wherever_they_come() -> None:
    stream = io.StringIO()
    configure_logging(Redactor(), stream)
    with log_context(run_id="r1"):
        with log_context(step="patch", attempt=2):
            logging.getLogger("some.library").warning("deep")
        logging.getLogger("shop").info("shallow")
    logging.getLogger("shop").info("outside")
    deep, shallow, outside = lines_of(stream)
    assert (deep["run_id"], deep["step"], deep["attempt"]) == ("r1", "patch", 2)
    assert shallow["run_id"] == "r1"
    assert "step" not in shallow
    assert "run_id" not in outside


def test_what_a_record_says_itself_wins() -> None:
    stream = io.StringIO()
    configure_logging(Redactor(), stream)
    with log_context(run_id="r1"):
        logging.getLogger("shop").info("about another", extra={"run_id": "r2"})
    assert lines_of(stream)[0]["run_id"] == "r2"


def test_a_thread_carries_the_fields_of_whoever_started_it_and_leaks_none() -> None:
    stream = io.StringIO()
    configure_logging(Redactor(), stream)
    log = logging.getLogger("shop")
    with log_context(run_id="r1"):
        threads = [
            threading.Thread(target=act) for act in (carried(lambda: log.info("carried")), lambda: log.info("not"))
        ]
    for thread in threads:
        thread.start()
        thread.join()
    carries, not_ = lines_of(stream)
    assert carries["run_id"] == "r1"
    assert "run_id" not in not_


def test_fields_are_masked_like_everything_else() -> None:
    stream = io.StringIO()
    configure_logging(Redactor([("shop-password", KNOWN)]), stream)
    with log_context(request_id=KNOWN):
        logging.getLogger("shop").info("hello")
    assert "77qLmZ" not in stream.getvalue()
