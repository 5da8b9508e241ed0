"""200 runs at once, two workers, and `kill -9` of one of them every five seconds for two minutes."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.faults.case import FIX, Case
from tests.faults.lanes import Outcome, keep
from tests.faults.processes import Process, until
from tests.faults.rig import Rig, new_project
from tests.faults.services import GOOD, SOUND

BROKEN, SOUND_ONES, TURNS, WORKERS = 40, 16, 10, 2
RUNS = BROKEN + SOUND_ONES * TURNS
SECONDS, EVERY = 120.0, 5.0
PATIENCE = 900.0
WISHES = ("restart it", "restart it", "restart it", "rebuild it")
LEASE_SECONDS = 6
GIVEN_UP = ("rolled_back/gave_up", "failed/gave_up")
"""How a run may end as well: one and the same step lost its worker three times."""
LEAST_SUCCEEDED = 0.9


def soak(evidence: Path, tell: Callable[[str], None]) -> Outcome:
    """One outcome for all of it; `tell` gets a line now and then."""
    began, outcome = time.monotonic(), Outcome("soak: worker killed every 5 s", 0, 0)
    sorts = {f"broken{number}": GOOD for number in range(BROKEN)}
    sorts |= {f"sound{number}": SOUND for number in range(SOUND_ONES)}
    project = new_project()
    rig = Rig(Path(tempfile.mkdtemp(prefix=f"{project}-")).resolve(), project, sorts)
    try:
        rig.start()
        case = Case(rig, 0)
        _submit(case)
        tell(f"soak: {len(case.runs)} runs accepted")
        _kill_and_replace(case, tell)
        case.wait_ended(PATIENCE)
        verdict = case.check()
        outcome.problems, outcome.ended = verdict["problems"], verdict["ended"]
        succeeded = sum(ending == "succeeded" for ending in outcome.ended.values())
        if succeeded < LEAST_SUCCEEDED * RUNS:
            outcome.problems.append(f"only {succeeded} of {RUNS} runs succeeded")
        outcome.hits = [f"{len(case.hits)} workers killed with runs in hand"]
        outcome.injected = len(case.hits)
        if outcome.problems:
            keep(rig, evidence / "soak", outcome)
    finally:
        rig.stop()
        shutil.rmtree(rig.folder, ignore_errors=True)
    outcome.seconds = time.monotonic() - began
    return outcome


def _submit(case: Case) -> None:
    """Each broken service is repaired once, each sound one restarted or rebuilt, turn after turn."""
    wishes = [(f"sound{number}", WISHES[turn % len(WISHES)]) for turn in range(TURNS) for number in range(SOUND_ONES)]
    wishes += [(f"broken{number}", FIX) for number in range(BROKEN)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda wish: case.submit(wish[0], "succeeded", *GIVEN_UP, instruction=wish[1]), wishes))


def _kill_and_replace(case: Case, tell: Callable[[str], None]) -> None:
    rig, began = case.rig, time.monotonic()
    workers = [_worker(rig) for _ in range(WORKERS)]
    for number in range(1, int(SECONDS / EVERY) + 1):
        until(lambda due=number * EVERY: time.monotonic() - began >= due, "the next kill is due")
        victim = workers.pop(0)
        in_hand = rig.ask("SELECT count(*) FROM orchestrator_runs WHERE lease_owner LIKE %s", f"%:{victim.pid}")
        victim.kill()
        case.hit(f"worker {victim.pid}")
        states = Counter(dict(rig.ask("SELECT status, count(*) FROM orchestrator_runs GROUP BY status")))
        tell(f"soak: kill {number}, worker {victim.pid} with {in_hand[0][0]} runs in hand; {dict(states)}")
        workers.append(_worker(rig))


def _worker(rig: Rig) -> Process:
    return rig.worker(
        plainly=True, MOONMIND_ORCHESTRATOR__CONCURRENCY="3", MOONMIND_ORCHESTRATOR__LEASE_SECONDS=str(LEASE_SECONDS)
    )
