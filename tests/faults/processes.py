"""Processes that this suite started: handles that never mean somebody else's pid, and the nursery they come from."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from tests.servers import ROOT

PATIENCE = 60.0
POLL_SECONDS = 0.05


class NotInTimeError(AssertionError):
    """A condition that was waited for did not come."""


def until(ready: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Wait for a condition; fails with its name."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise NotInTimeError(f"not within {seconds:.0f} s: {what}")
        time.sleep(POLL_SECONDS)


class Process:
    """One process, held by a descriptor: signals reach it or nobody."""

    def __init__(self, pid: int, name: str, popen: subprocess.Popen[bytes] | None = None) -> None:
        self.pid, self.name = pid, name
        self._fd, self._popen = os.pidfd_open(pid), popen

    @property
    def alive(self) -> bool:
        watch = select.poll()
        watch.register(self._fd, select.POLLIN)
        return not watch.poll(0)

    @property
    def stopped(self) -> bool:
        """Whether it is halted by SIGSTOP."""
        with suppress(FileNotFoundError, ProcessLookupError):
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
        return False

    def send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._fd, number)

    def wait(self, seconds: float = PATIENCE) -> None:
        until(lambda: not self.alive, f"{self.name} ({self.pid}) ends", seconds)
        if self._popen is not None:
            self._popen.wait()

    def kill(self) -> None:
        """`kill -9`, and wait for the end."""
        self.send(signal.SIGKILL)
        self.wait()


def execute(*argv: str, env: Mapping[str, str], log: Path, name: str) -> Process:
    """A program of ours started in the ordinary way, by module, in a session of its own."""
    with log.open("ab") as output:
        popen = subprocess.Popen(
            [sys.executable, "-m", *argv], cwd=ROOT, env=dict(env), stdin=subprocess.DEVNULL,
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    return Process(popen.pid, name, popen)


class Nursery:
    """The process of `nursery.py`."""

    def __init__(self, env: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as errors:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.nursery"], cwd=ROOT, env=dict(env), text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
            )  # fmt: skip
        self.pid = self._popen.pid

    def wait_ready(self) -> None:
        if self._answer() != "ready":
            raise RuntimeError("the nursery did not start")

    def start(self, *argv: str, env: Mapping[str, str], log: Path, name: str) -> Process:
        assert self._popen.stdin
        self._popen.stdin.write(json.dumps({"argv": argv, "env": dict(env), "log": str(log)}) + "\n")
        self._popen.stdin.flush()
        return Process(int(self._answer()), name)

    def close(self) -> None:
        """End it, and with it all that it started."""
        self._popen.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe:
                pipe.close()

    def _answer(self) -> str:
        assert self._popen.stdout
        return self._popen.stdout.readline().strip()
