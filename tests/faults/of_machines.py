"""Faults of the machine: its clock, its disk, a build that does not want to end, a supervisor that does not answer."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.faults.case import Case
from tests.faults.clock import DAYS, Clock
from tests.faults.processes import until

JUMPS = (3 * DAYS, -3 * DAYS)


def workers_clock_jumps(case: Case) -> None:
    """A worker's clock jumps by three days, forward or back, while it builds: it keeps its lease, and ends its run."""
    rig, jump = case.rig, JUMPS[case.number % 2]
    clock = Clock(rig.folder, "a worker's")
    rig.index.hold()
    skewed = rig.worker(plainly=True, **clock.env)
    run = case.submit("good0")
    until(lambda: rig.index.waiting, "a build is on")
    clock.set(jump)
    before = _lease_of(case, run)
    until(lambda: _lease_of(case, run) > before, "the lease is extended after the jump")
    case.hit(f"the clock of worker {skewed.pid} jumped by {jump // DAYS} days")
    rig.worker()
    rig.index.release()
    case.wait_ended()
    case.exactly = {"builds": 1, "starts": 1}
    said = (rig.log / f"{skewed.name.replace(' ', '')}.log").read_text()
    today = datetime.now(UTC)
    assert f"{today + timedelta(seconds=jump):%Y-%m-%d}" in said, "the worker did not see its clock jump"


def databases_clock_jumps(case: Case) -> None:
    """The clock by which leases lapse jumps by three days, forward or back, while a build is on."""
    rig, jump = case.rig, JUMPS[case.number % 2]
    rig.index.hold()
    rig.worker()
    rig.worker()
    case.submit("good0")
    until(lambda: rig.index.waiting, "a build is on")
    rig.clock.set(jump)
    day = f"{datetime.now(UTC) + timedelta(seconds=jump):%Y-%m-%d}"
    until(lambda: rig.ask("SELECT now()::date::text") == [(day,)], "the database has seen its clock jump")
    case.hit(f"the database's clock jumped by {jump // DAYS} days")
    rig.index.release()
    case.wait_ended()


def _lease_of(case: Case, run: str) -> float:
    rows = case.rig.ask("SELECT extract(epoch FROM lease_expires_at) FROM orchestrator_runs WHERE id::text = %s", run)
    return float(rows[0][0] or 0) if rows else 0.0


@contextmanager
def small_disk(case: Case) -> Iterator[Path]:
    """A file system of its own for the artifacts, which `fill` fills."""
    disk = case.rig.folder / f"disk{case.number}"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "mmfaults", str(disk)], check=True)
    try:
        yield disk
    finally:
        for worker in case.rig.workers:
            worker.kill()
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> None:
    """Not one byte is left."""
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return


FULL_AT = (
    ("analyze.before_plan", "failed/disk_full"),
    ("claim.after_commit#2", "failed/disk_full"),
    ("patch.before_write", "succeeded"),
    ("build.before", "succeeded"),
    ("restart.after", "succeeded"),
)
"""Before the pre-image is kept a full disk ends the run; afterwards nothing that it needs is written any more."""


def disk_full(case: Case) -> None:
    """No space for artifacts from an instant on; what is recorded is whole all the same."""
    point, ending = FULL_AT[case.number % len(FULL_AT)]
    rig = case.rig
    with small_disk(case) as disk:
        worker = rig.worker(f"{point}:stop", MOONMIND_ORCHESTRATOR__ARTIFACT_ROOT=str(disk))
        case.submit("good0", ending)
        case.hit(rig.wait_hit(worker, point.partition("#")[0], "stop"))
        fill(disk)
        case.hit(f"{os.statvfs(disk).f_bavail} blocks left")
        worker.send(signal.SIGCONT)
        case.wait_ended()
        case.artifacts, case.disk_was_full = str(disk / "spec_workflows"), True
        case.check()


def hostile_build(case: Case) -> None:
    """Deaf to SIGTERM, five processes in sessions of their own, output without end: over at the time-out."""
    rig = case.rig
    rig.worker()
    run = case.submit("hostile", "rolled_back/build_failed")
    log = rig.home / "var" / "artifacts" / "spec_workflows" / run / "build.log"
    until(lambda: log.exists() and "all work" in log.read_text(errors="replace"), "the hostile build is at work")
    case.hit(f"{len(rig.children())} hostile processes")
    case.wait_ended()
    assert "log limit reached" in log.read_text(errors="replace"), "the log says nothing of its limit"


def supervisor_hung_before_edit(case: Case) -> None:
    """The engine of process services does not answer: nothing is touched."""
    rig = case.rig
    rig.worker()
    os.kill(rig.supervisord.pid, signal.SIGSTOP)
    try:
        case.submit("brief0", "failed/engine_unavailable")
        case.hit(f"supervisord {rig.supervisord.pid} stopped")
        case.wait_ended()
    finally:
        os.kill(rig.supervisord.pid, signal.SIGCONT)


def supervisor_hung_after_edit(case: Case) -> None:
    """It falls silent after the build: the run waits with its rollback until it is back, and is never `succeeded`."""
    rig = case.rig
    worker = rig.worker("build.after:stop")
    run = case.submit("brief0", "rolled_back/engine_unavailable", "rolled_back/restart_failed")
    case.hit(rig.wait_hit(worker, "build.after", "stop"))
    os.kill(rig.supervisord.pid, signal.SIGSTOP)
    case.hit(f"supervisord {rig.supervisord.pid} stopped")
    try:
        worker.send(signal.SIGCONT)
        rig.wait_step(run, "restart", 1, "FAILURE")
    finally:
        os.kill(rig.supervisord.pid, signal.SIGCONT)
    case.wait_ended()
