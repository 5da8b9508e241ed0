"""`python -m tests.faults.nursery`: forks our programs from a process that has imported them already.

A worker is there in a third of a second instead of one and a half, of which the import is nearly all. Each line of
stdin is an order in JSON (`argv` by module, `env`, `log`); each line of stdout is the pid of what was started. What was
started is a process as any other: its own session, its own environment, and the program's own `__main__`.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import runpy
import signal
import sys
from typing import Any

PR_SET_PDEATHSIG = 1


def main() -> None:
    end_with_parent()
    _import_everything()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for what ends: the kernel reaps it
    print("ready", flush=True)
    while line := sys.stdin.readline():
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            return _become(order)
        print(pid, flush=True)
    return None


def _import_everything() -> None:

    import moonmind.workflows.orchestrator.tasks  # noqa: F401


def _become(order: dict[str, Any]) -> None:
    """Run the module as the interpreter would; its SystemExit ends this process."""
    os.setsid()
    end_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(order["env"])
    nothing, log = os.open(os.devnull, os.O_RDONLY), os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for target, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(log)
    faulthandler.register(signal.SIGUSR2)  # says in the log where every thread stands
    sys.argv = list(order["argv"])
    runpy.run_module(order["argv"][0], run_name="__main__", alter_sys=True)


def end_with_parent(number: signal.Signals = signal.SIGKILL) -> None:
    """Nothing stays when the suite is killed."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)


if __name__ == "__main__":
    main()
