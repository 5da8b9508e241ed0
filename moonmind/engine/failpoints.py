"""Instants at which a test can break this process: `MOONMIND_FAILPOINT=<name>[#<nth>]:<kill|stop|raise|hang>`.

Off unless set. `nth`: at that hit, and only then (1 unless given). With `MOONMIND_FAILPOINT_TRACE=<file>` a line `name
action pid` is in that file, and on the disk, before anything breaks: so a test can prove that the instant was reached.
"""

from __future__ import annotations

import itertools
import os
import signal
import threading

VARIABLE = "MOONMIND_FAILPOINT"
TRACE = "MOONMIND_FAILPOINT_TRACE"
_hits = itertools.count(1)


class FailpointError(Exception):
    """Raised by a failpoint that a test armed."""


def hit(name: str) -> None:
    """Break here if a test asked for it: die at once, stop until continued, raise, or hang for good."""
    armed, _, action = os.environ.get(VARIABLE, "").rpartition(":")
    wanted, _, nth = armed.partition("#")
    if wanted != name or next(_hits) != int(nth or 1):
        return
    _trace(f"{name} {action} {os.getpid()}\n")
    match action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # to this thread: it goes not one line further
        case "raise":
            raise FailpointError(name)
        case "hang":
            threading.Event().wait()
        case _:
            raise ValueError(f"{VARIABLE}: unknown action {action!r}; known are kill, stop, raise, hang")


def _trace(line: str) -> None:
    if not (path := os.environ.get(TRACE)):
        return
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, line.encode())
        os.fsync(file)
    finally:
        os.close(file)
