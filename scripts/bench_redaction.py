"""Measure redaction on one core: 100 MB of log with secrets sprinkled in, and one line of 10 MB.

    .venv/bin/python scripts/bench_redaction.py

Processor time counts, so that a busy machine does not decide; the time on the clock is shown beside it. The lines are
made anew with the same seed. Exit: 0 both are within their limits, 1 one is not.
"""

from __future__ import annotations

import base64
import hashlib
import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator

from moonmind.utils.redaction import Redactor

LEAST_MB_PER_SECOND = 20.0
MOST_SECONDS_FOR_A_LINE = 1.0
MEGABYTES, LINE_MEGABYTES = 100, 10
MB = 1_000_000
CHUNK = 64 * 1024
"""What a read of a pipe gives."""
KNOWN = 20
"""Values that the installation knows, each in some ten forms."""
SECRETS_EVERY = 200
"""Lines of which one has a secret."""


def main() -> int:
    """Make, measure, show; the exit code."""
    chance = random.Random(7)
    known = [(f"known-{number}", base64.b64encode(chance.randbytes(18)).decode()) for number in range(KNOWN)]
    redactor = Redactor(known)
    secrets = _secrets(chance, [value for _, value in known])
    print(f"making {MEGABYTES} MB", file=sys.stderr)
    log = b"".join(_up_to(MEGABYTES * MB, _lines(chance, secrets)))
    line = b" ".join(_up_to(LINE_MEGABYTES * MB, (text.strip() for text in _lines(chance, secrets))))

    stream = redactor.stream()
    spent, clock = _timed(lambda: [stream.feed(log[at : at + CHUNK]) for at in range(0, len(log), CHUNK)])
    speed = len(log) / MB / spent
    found = stream.counts.total()
    print(f"log    {len(log) / MB:6.1f} MB  {speed:7.1f} MB/s  ({clock:.2f} s on the clock, {found} secrets)")

    seconds, clock = _timed(lambda: redactor.data(line))
    print(f"line   {len(line) / MB:6.1f} MB  {seconds:7.2f} s     ({clock:.2f} s on the clock)")
    slowest = seconds
    for name, text in _hostile(chance, known):
        took, clock = _timed(lambda text=text: redactor.data(text))
        slowest = max(slowest, took)
        print(f"       {len(text) / MB:6.1f} MB  {took:7.2f} s     of {name}")

    missed = speed < LEAST_MB_PER_SECOND or slowest > MOST_SECONDS_FOR_A_LINE
    print(f"limits: {LEAST_MB_PER_SECOND:.0f} MB/s, {MOST_SECONDS_FOR_A_LINE:.0f} s: {'MISSED' if missed else 'kept'}")
    return int(missed)


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of this process, and seconds on the clock."""
    began, clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - began, time.perf_counter() - clock


def _up_to(size: int, lines: Iterator[bytes]) -> Iterator[bytes]:
    while size > 0:
        line = next(lines)
        size -= len(line)
        yield line


def _lines(chance: random.Random, secrets: list[bytes]) -> Iterator[bytes]:
    """What builds and services say."""
    sha, word = hashlib.sha256(b"").hexdigest(), base64.b64encode(hashlib.sha512(b"").digest()).decode()
    shapes = [
        "Collecting python-dateutil==2.9.0.post0 (from -r requirements.txt (line {number}))",
        "  Downloading https://files.index.example/packages/ec/57/{sha}/six-1.{number}-py3-none-any.whl (229 kB)",
        "    --hash=sha256:{sha} \\",
        '2026-11-21T12:32:38.{number}Z INFO uvicorn.access: 127.0.0.1:5{number} - "GET /health HTTP/1.1" 200 {id}',
        "#12 [4/7] RUN pip install -r requirements.txt # token-count {number}",
        '  File "/srv/venv/lib/python3.11/site-packages/starlette/routing.py", line {number}, in __call__',
        "    token = await self.tokens.find(request, password=password)",
        "commit {sha} Author: Kim <kim@example.org>",
        '      "integrity": "sha512-{word}",',
        "digest: docker.io/library/python:3.11-slim@sha256:{sha} host=http://127.0.0.1:8{number}/x",
    ]
    while True:
        text = chance.choice(shapes)
        number, request = chance.randrange(100, 999), uuid.UUID(int=chance.getrandbits(128), version=4)
        line = text.format(number=number, sha=sha, word=word, id=request).encode()
        if not chance.randrange(SECRETS_EVERY):
            line += b" " + chance.choice(secrets)
        yield line + b"\n"


def _secrets(chance: random.Random, known: list[str]) -> list[bytes]:
    mixed = base64.b64encode(chance.randbytes(60), b"xy").decode()
    shown = [*known, *(base64.b64encode(f"kim:{value}".encode()).decode() for value in known)]
    shown += [
        "gh" + "p_" + mixed[:36],
        "password=" + mixed[:12],
        f'"token": "{mixed[:40]}"',
        f"postgres://a:{mixed[:9]}@b",
    ]
    shown += [
        "Authorization: Bearer " + mixed[:40],
        "AK" + "IA" + "ABCDEFGHIJKLMNOP",
        "eyJ" + "hbGciOiJIUzI1NiJ9." + mixed,
    ]
    return [text.encode() for text in shown]


def _hostile(chance: random.Random, known: list[tuple[str, str]]) -> Iterator[tuple[str, bytes]]:
    """Lines that are made to be slow: of beginnings, of what is nearly a secret, of nothing but short ones."""
    size = LINE_MEGABYTES * MB
    yield "one letter", b"a" * size
    yield "random base64", base64.b64encode(chance.randbytes(size * 3 // 4))
    shapes = [b"://", b"eyJ", b"password", b"-----BEGIN PRIVATE KEY-----", b"://a:b ", b'token="a1b" ', b"token=x "]
    for shape in (*shapes, b"a://b:c@d ", known[0][1].encode()):
        yield repr(shape.decode()), (shape * (size // len(shape) + 1))[:size]


if __name__ == "__main__":
    sys.exit(main())
