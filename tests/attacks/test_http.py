"""HTTP: bodies, headers, queries and ids that nobody sends by mistake."""

from __future__ import annotations

import gzip
import json
import socket
import uuid
from collections.abc import Iterator

import pytest

from tests.attacks.tally import Tally
from tests.attacks.town import RUNS, Town

FIX = {"instruction": "fix it", "target_service": "shop"}
TYPES = [
    *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "a/b/c", "text/json"),
    *("application/jsonx", "application/json, text/plain", "application/*"),
]
JSON = {"Content-Type": "application/json"}


def raw(town: Town, *pieces: bytes) -> bytes:
    """What the server says to these bytes, until it closes or is silent."""
    with socket.create_connection(("127.0.0.1", town.port), timeout=5) as connection:
        said = b""
        try:
            for piece in pieces:
                connection.sendall(piece)
            while got := connection.recv(65536):
                said += got
        except OSError:
            pass
    return said


def count_of_runs(town: Town) -> int:
    return int(town.ask("SELECT count(*) FROM orchestrator_runs")[0][0])


def test_bodies_over_the_limit_are_refused_announced_or_not(town: Town, tally: Tally) -> None:
    huge = json.dumps({**FIX, "x": "y" * 70_000}).encode()

    def chunked() -> Iterator[bytes]:
        for start in range(0, len(huge), 999):
            yield huge[start : start + 999]

    for content in (huge, chunked()):
        answer = tally.case(lambda content=content: town.call("POST", RUNS, content=content, headers=JSON))
        assert (answer.status_code, answer.json()["error"]) == (413, "body_too_large")
    head = f"POST {RUNS} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999999\r\n\r\n".encode()
    assert b" 413 " in tally.case(lambda: raw(town, head))


def test_a_body_that_is_encoded_is_not_unpacked(town: Town, tally: Tally) -> None:
    bomb = gzip.compress(b"[" * 10_000_000)
    for encoding in ("gzip", "deflate", "br", "identity, gzip"):
        headers = {**JSON, "Content-Encoding": encoding}
        answer = tally.case(lambda headers=headers: town.call("POST", RUNS, content=bomb, headers=headers))
        assert (answer.status_code, answer.json()["error"]) == (415, "content_encoding")


@pytest.mark.parametrize(
    "body",
    [
        *(b"[" * 20_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b"{" * 33 + b"}" * 33),
        *(b'{"instruction": NaN}', b"Infinity", b"-Infinity", b"1e999", b"[1e400]", b"1" * 5000, b"-", b"", b" "),
        *(b'{"instruction":"a","instruction":"b","target_service":"shop"}', b'{"\\u0000": 1}', b'"\\ud800"', b"nul"),
        *(b'\xef\xbb\xbf{"instruction":"a","target_service":"shop"}', b"{'a': 'a'}", b'{"a": 01}', b'{"a": 1,}'),
        *(
            b"null",
            b"[]",
            b'"x"',
            b"1",
            b"true",
            b'{"__proto__": {"a": 1}}',
            b"<?xml version='1.0'?><a/>",
            b"\0" * 100,
            b"\xff\xfe{\0}\0",
        ),
    ],
)
def test_what_is_no_plain_json_is_refused(body: bytes, town: Town, tally: Tally) -> None:
    for method, path in (("POST", RUNS), ("POST", "/keys"), ("PUT", "/orchestrator/approval-gates/shop")):
        answer = tally.case(lambda m=method, p=path: town.call(m, p, content=body, headers=JSON))
        assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")


@pytest.mark.parametrize("kind", TYPES)
def test_a_body_of_another_type_is_refused(kind: str, town: Town, tally: Tally) -> None:
    content = json.dumps(FIX).encode()
    answer = tally.case(lambda: town.call("POST", RUNS, content=content, headers={"Content-Type": kind}))
    assert (answer.status_code, answer.json()["error"]) == (415, "content_type")


def test_fields_that_nobody_may_set_are_refused(town: Town, tally: Tally) -> None:
    before = count_of_runs(town)
    forbidden = ("run_id", "id", "status", "requester", "requested_by", "approval_status", "epoch", "queue", "progress")
    for name in (*forbidden, "plan_id", "holds_lock", "__class__", "constructor", "Instruction", "instruction "):
        answer = tally.case(lambda name=name: town.call("POST", RUNS, json={**FIX, name: "succeeded"}))
        assert answer.status_code == 422, name
    for name in ("key_id", "key", "secret_hash", "revoked_at", "is_admin"):
        body = {"owner": "eve", "roles": ["viewer"], name: "x"}
        assert tally.case(lambda body=body: town.call("POST", "/keys", json=body)).status_code == 422, name
    assert count_of_runs(town) == before


def test_filters_are_values_and_never_sql(town: Town, tally: Tally) -> None:
    injected = [
        "' OR 1=1 --",
        "%' OR '1'='1",
        "shop'; SELECT pg_sleep(9); --",
        "\\",
        "%",
        "_",
        "a\\%",
        "$1",
        "{0}",
        "::uuid",
    ]
    for text in injected:
        for name in ("q", "service", "cursor", "status", "created_after", "limit", "sort", "order_by"):
            answer = tally.case(lambda n=name, t=text: town.call("GET", RUNS, params={n: t}))
            assert answer.status_code in (200, 422), (name, text)
            if name in ("service", "q"):
                assert all(text in run["instruction"] for run in answer.json()["runs"]), (name, text)


def test_ids_cannot_be_guessed_nor_forced(town: Town, tally: Tally) -> None:
    for number in (uuid.UUID(int=0), uuid.UUID(int=1), uuid.uuid4(), uuid.UUID(int=2**128 - 1)):
        for rest in ("", "/artifacts", f"/artifacts/{number}/content"):
            answer = tally.case(lambda n=number, r=rest: town.call("GET", f"{RUNS}/{n}{r}"))
            assert answer.status_code == 404
        for rest in ("/cancel", "/retry", "/approval-tokens"):
            assert tally.case(lambda n=number, r=rest: town.call("POST", f"{RUNS}/{n}{r}")).status_code == 404
    for wrong in ("0", "1", "-1", "null", "undefined", "{}", "*", "1%20OR%201=1", "a" * 5000):
        answer = tally.case(lambda wrong=wrong: town.call("GET", f"{RUNS}/{wrong}"))
        assert answer.status_code in (404, 414, 422), wrong


def test_keys_that_are_none_open_nothing(town: Town, tally: Tally) -> None:
    admin = town.admin
    wrong = [
        "mm_",
        admin[:-1],
        admin + "x",
        admin.swapcase(),
        admin.replace("mm_", "MM_"),
        f"{admin},{admin}",
        "null",
    ]
    schemes = ["Basic", "Token", "Bearer:", "Bearerx", "mm"]
    values = [*(f"Bearer {key}" for key in wrong), *(f"{scheme} {admin}" for scheme in schemes), admin, "Bearer"]
    for value in values:
        answer = tally.case(lambda v=value: town.call("GET", RUNS, by=None, headers={"Authorization": v}))
        assert answer.status_code == 401, value
    for path in (f"{RUNS}?key={admin}", f"{RUNS}?token={admin}", f"{RUNS}?access_token={admin}"):
        assert tally.case(lambda path=path: town.call("GET", path, by=None)).status_code == 401
    cookie = {"Cookie": f"session={admin}; token={admin}"}
    assert tally.case(lambda: town.call("GET", RUNS, by=None, headers=cookie)).status_code == 401


def test_methods_that_are_none_are_refused_with_those_there_are(town: Town, tally: Tally) -> None:
    for method in ("TRACE", "PATCH", "PUT", "DELETE", "PROPFIND", "CONNECT", "FOO", "OPTIONS"):
        answer = tally.case(lambda method=method: town.call(method, RUNS))
        assert answer.status_code in (400, 405), method
        if answer.status_code == 405:
            assert answer.headers["Allow"] == "GET, POST"
    override = {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"}
    assert tally.case(lambda: town.call("GET", RUNS, headers=override)).status_code == 200


def test_a_forged_host_is_reflected_nowhere(town: Town, tally: Tally) -> None:
    evil = "evil.example"
    for path in (f"{RUNS}/", "/docs", "/openapi.json", RUNS, "/nowhere", "//evil.example/%2f..", "/keys/"):
        for headers in (
            {"Host": evil},
            {"X-Forwarded-Host": evil},
            {"Forwarded": f"host={evil}"},
            {"X-Original-URL": "/keys"},
        ):
            answer = tally.case(lambda p=path, h=headers: town.call("GET", p, headers=h))
            said = [value for name, value in answer.headers.items() if evil in value]
            assert said == [], path
            assert answer.status_code < 500
            assert evil not in answer.text.replace("//evil.example/", "")


def test_requests_that_two_servers_would_read_differently_are_refused(town: Town, tally: Tally) -> None:
    before, auth = count_of_runs(town), f"Authorization: Bearer {town.admin}\r\n"
    body = json.dumps(FIX)
    length = f"Content-Type: application/json\r\nContent-Length: {len(body)}"
    smuggled = f"POST {RUNS} HTTP/1.1\r\nHost: 127.0.0.1\r\n{auth}{length}\r\n\r\n{body}"
    start = f"POST /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\n{auth}"
    attempts = [
        f"{start}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}",
        f"{start}Content-Length: 0\r\nContent-Length: {len(smuggled)}\r\n\r\n{smuggled}",
        f"{start}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{smuggled}",
        f"{start}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{smuggled}",
        f"{start}Content-Length: +0\r\n\r\n{smuggled}",
        f"{start}Content-Length: 0x0\r\n\r\n{smuggled}",
        f"{start}X: a\r\n folded: {smuggled}",
    ]
    for attempt in attempts:
        said = tally.case(lambda attempt=attempt: raw(town, attempt.encode()))
        assert b" 202 " not in said
    assert count_of_runs(town) == before


def test_lines_that_are_no_http_get_400_and_the_server_lives(town: Town, tally: Tally) -> None:
    garbage = [
        *(b"\0" * 1000, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\0"),
        b"GET http://[::1 HTTP/1.1\r\n\r\n",
        *(b"GET /\xff\xfe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n"),
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"b" * 200_000 + b"\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ]  # fmt: skip
    for piece in garbage:
        said = tally.case(lambda piece=piece: raw(town, piece))
        assert not said or int(said.split(b" ")[1][:3]) in range(400, 500), piece[:40]
        assert town.call("GET", "/health", by=None).status_code == 200
