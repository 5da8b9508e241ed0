"""Several rigs at work beside one another, each taking the next fault when it is done with one."""

from __future__ import annotations

import multiprocessing
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from pathlib import Path

from tests.faults.case import Case
from tests.faults.nursery import end_with_parent
from tests.faults.rig import Rig, new_project
from tests.faults.table import KINDS

Job = tuple[int, int]
"""Which kind, and its how-manieth injection."""


@dataclass
class Outcome:
    """What one injected fault came to; no `problems`: all is right."""

    kind: str
    number: int
    seconds: float
    hits: list[str] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    injected: int = 0


def inject(rig: Rig, job: Job) -> Outcome:
    """One fault on a rig that is whole and idle."""
    kind, case = KINDS[job[0]], Case(rig, job[1])
    began, outcome = time.monotonic(), Outcome(kind.name, job[1], 0)
    try:
        kind.inject(case)
        verdict = case.check()
        outcome.problems, outcome.ended = verdict["problems"], verdict["ended"]
        if not case.hits:
            outcome.problems.append("the fault was not injected")
    except Exception as error:
        outcome.problems.append("".join(traceback.format_exception(error)))
        rig.tell_where()
    outcome.injected = bool(case.hits)
    outcome.hits, outcome.seconds = case.hits, time.monotonic() - began
    return outcome


def run(jobs: list[Job], lanes: int, evidence: Path) -> Iterator[Outcome]:
    """Every job's outcome, as they come. A rig that a fault has left broken is replaced, its logs kept."""
    context = multiprocessing.get_context("spawn")
    waiting, done = context.Queue(), context.Queue()
    for job in jobs:
        waiting.put(job)
    for _ in range(lanes):
        waiting.put(None)
    workers = [context.Process(target=_lane, args=(waiting, done, str(evidence))) for _ in range(lanes)]
    for worker in workers:
        worker.start()
    try:
        left = len(jobs)
        while left:
            outcome = done.get()
            if isinstance(outcome, str):
                raise RuntimeError(outcome)
            left -= 1
            yield outcome
        for worker in workers:
            worker.join()
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


def _lane(waiting: Queue[Job | None], done: Queue[Outcome | str], evidence: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    end_with_parent(signal.SIGTERM)
    rig = None
    try:
        while (job := waiting.get()) is not None:
            rig = rig or _new_rig()
            outcome = inject(rig, job)
            if not outcome.problems:
                outcome.problems = _mend(rig)
            done.put(outcome)
            if outcome.problems:
                keep(rig, Path(evidence) / f"{outcome.kind}-{outcome.number}", outcome)
                _remove(rig)
                rig = None
    except Exception as error:
        done.put("".join(traceback.format_exception(error)))
    finally:
        if rig is not None:
            _remove(rig)


def _new_rig() -> Rig:
    project = new_project()
    rig = Rig(Path(tempfile.mkdtemp(prefix=f"{project}-")).resolve(), project)
    try:
        rig.start()
    except BaseException:
        _remove(rig)
        raise
    return rig


def _mend(rig: Rig) -> list[str]:
    try:
        rig.mend()
    except Exception as error:
        return ["the rig could not be mended: " + "".join(traceback.format_exception(error))]
    return []


def _remove(rig: Rig) -> None:
    rig.stop()
    shutil.rmtree(rig.folder, ignore_errors=True)


def keep(rig: Rig, folder: Path, outcome: Outcome) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(rig.log, folder / "log")
    for name in ("artifacts", "supervisor"):
        if (rig.home / "var" / name).is_dir():
            shutil.copytree(rig.home / "var" / name, folder / name)
    (folder / "problems.txt").write_text("\n".join(outcome.problems))
