"""Processes that the benchmark starts and ends, each by its own pid; waiting for conditions."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from moonmind.embedded.files import tail

STOP_SECONDS = 15.0
POLL_SECONDS = 0.05


class BenchError(Exception):
    """Nothing can be measured; the message says why."""


def until(ready: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Wait for a condition. Raises BenchError with its name."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise BenchError(f"not within {seconds:.0f} s: {what}")
        time.sleep(POLL_SECONDS)


def call(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], what: str) -> str:
    """A command to its end; what it printed. Raises BenchError with its last words."""
    process = subprocess.Popen(
        argv, cwd=cwd, env=env, text=True, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = process.communicate()
    finally:
        _end(process)
    if process.returncode != 0:
        raise BenchError(f"{what} failed:\n{(out + err)[-2000:]}")
    return out


@contextmanager
def running(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path) -> Iterator[Callable[[], bool]]:
    """A process for the length of a block; the value raises BenchError with the log's end once it is gone."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )

    def lives() -> bool:
        if process.poll() is not None:
            raise BenchError(f"{' '.join(argv)} ended with {process.returncode}:\n{tail(log)}")
        return True

    try:
        yield lives
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """Politely, then for good together with all that it had started (make's pip, docker's Compose); nothing when it has
    ended by itself."""
    if process.poll() is not None:
        return
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in family:
        if child.is_running():
            child.kill()
    psutil.wait_procs(family, timeout=STOP_SECONDS)
