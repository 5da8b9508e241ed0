"""Processes of a stack: finding them by their mark, and ending them. A pid that was used again is never hit."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from pathlib import Path

import psutil

from moonmind.config.places import supervisor_config
from moonmind.embedded.programs import MARK

ORDERLY_SECONDS = 60.0
"""supervisord stops program after program; each has a limit of its own."""
POLITE_SECONDS = 5.0


def marked(home: Path) -> list[psutil.Process]:
    """Every process of this user that belongs to the stack of `home`, but us and whom we run under."""
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [p for p in psutil.process_iter() if p.pid not in ours and _mark(p) == str(home)]


def end_stack(home: Path) -> bool:
    """End what is left of the stack of `home`, supervisord first and in its order; True when there was something."""
    found = _with_descendants(marked(home))
    leaders = [process for process in found if _is_supervisord(process, home)]
    for leader in leaders:
        _send(leader, signal.SIGTERM)
    psutil.wait_procs(leaders, timeout=ORDERLY_SECONDS)
    end(_with_descendants([*found, *marked(home)]))
    return bool(found)


def end(processes: Iterable[psutil.Process], first: signal.Signals = signal.SIGTERM) -> None:
    """Politely, then for good; returns when all are gone."""
    alive = list(processes)
    for process in alive:
        _send(process, first)
    _, alive = psutil.wait_procs(alive, timeout=POLITE_SECONDS)
    for process in alive:
        _send(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=POLITE_SECONDS)


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except (psutil.Error, OSError):
        return None


def _is_supervisord(process: psutil.Process, home: Path) -> bool:
    try:
        return str(supervisor_config(home)) in process.cmdline()
    except psutil.Error:
        return False


def _with_descendants(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Also what a worker started with a scrubbed environment; each once."""
    family: dict[psutil.Process, None] = {}
    for process in processes:
        family[process] = None
        try:
            family |= dict.fromkeys(process.children(recursive=True))
        except psutil.Error:
            continue
    return list(family)


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
