"""Instants at which a test can break this process: `MOONMIND_FAILPOINT=<name>:<kill|raise|hang>`, off unless set."""

from __future__ import annotations

import os
import signal
import threading

VARIABLE = "MOONMIND_FAILPOINT"


class FailpointError(Exception):
    """Raised by a failpoint that a test armed."""


def hit(name: str) -> None:
    """Break here if a test asked for it: die at once, raise, or stop for good."""
    armed, _, action = os.environ.get(VARIABLE, "").rpartition(":")
    if armed != name:
        return
    match action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "raise":
            raise FailpointError(name)
        case "hang":
            threading.Event().wait()
        case _:
            raise ValueError(f"{VARIABLE}: unknown action {action!r}; known are kill, raise, hang")
