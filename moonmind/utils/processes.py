"""Processes and process groups: whom a pid means, and ending a whole group for good."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable

import psutil

GRACE_SECONDS = 5.0
"""Between SIGTERM and SIGKILL: long enough for `docker compose` and pip to tidy up, short enough at three o'clock."""


def start_time(pid: int) -> float | None:
    """When the process with this pid began (seconds since the epoch), None when there is none. Tells re-used pids."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def end_group(pid: int, *, grace: float = GRACE_SECONDS) -> None:
    """End the process group and session led by `pid` and every descendant, politely first; returns when all are gone.

    Descendants that moved to a session of their own are found through the tree, so they do not get away.
    """
    family = _family(pid)
    for number in (signal.SIGTERM, signal.SIGKILL):
        _signal_group(pid, number)
        for process in family:
            _signal(process, number)
        family = _gone_within(pid, family, grace)
        if not family and not _group_alive(pid):
            return
        family = [*family, *_family(pid)]


def end_all(processes: list[psutil.Process], *, grace: float = GRACE_SECONDS) -> None:
    """End these processes, politely first; returns when all are gone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in processes:
            _signal(process, number)
        deadline = time.monotonic() + grace
        while (processes := [process for process in processes if _runs(process)]) and time.monotonic() < deadline:
            time.sleep(0.02)
        if not processes:
            return


def _family(pid: int) -> list[psutil.Process]:
    try:
        leader = psutil.Process(pid)
        return [leader, *leader.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _group_alive(pid: int) -> bool:
    """True while the group has a member that is no zombie (a zombie is somebody's to reap, and harmless)."""
    return any(_group_of(process) == pid for process in psutil.process_iter() if _runs(process))


def _group_of(process: psutil.Process) -> int | None:
    try:
        return os.getpgid(process.pid)
    except (ProcessLookupError, PermissionError):
        return None


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _gone_within(pid: int, family: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    deadline = time.monotonic() + seconds
    alive = [process for process in family if _runs(process)]
    while (alive or _group_alive(pid)) and time.monotonic() < deadline:
        time.sleep(0.02)
        alive = [process for process in alive if _runs(process)]
    return alive
