"""200 runs at once, two workers, and `kill -9` of one of them every five seconds for two minutes."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from tests.faults.case import FIX, Case
from tests.faults.lanes import Outcome, keep
from tests.faults.processes import until
from tests.faults.rig import Rig, new_project
from tests.faults.services import GOOD

RUNS, SERVICES, WORKERS = 200, 20, 2
SECONDS, EVERY = 120.0, 5.0
PATIENCE = 900.0
WISHES = ("restart it", "rebuild it", "restart it")
GIVEN_UP = ("rolled_back/gave_up", "failed/gave_up", "rolled_back/verify_failed", "failed/no_fix_found")
"""How a run may end as well: its step lost a worker three times, or it came after one of those."""
LEAST_SUCCEEDED = 0.9


def soak(evidence: Path, tell: Callable[[str], None]) -> Outcome:
    """One outcome for all of it; `tell` gets a line now and then."""
    began, outcome = time.monotonic(), Outcome("soak: worker killed every 5 s", 0, 0)
    sorts = {f"s{number:02}": replace(GOOD, timeouts="verify = 30") for number in range(SERVICES)}
    rig = Rig(Path(tempfile.mkdtemp(prefix="mmfaults-")).resolve(), new_project(), sorts)
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
    """Each service is repaired first, and then restarted or rebuilt nine times."""
    wishes = [(f"s{number % SERVICES:02}", number // SERVICES) for number in range(RUNS)]
    with ThreadPoolExecutor(8) as pool:
        for first in (True, False):
            asked = [(name, turn) for name, turn in wishes if (turn == 0) is first]
            list(pool.map(lambda wish: _ask(case, *wish), asked))


def _ask(case: Case, service: str, turn: int) -> None:
    wish = WISHES[turn % len(WISHES)] if turn else FIX
    case.submit(service, "succeeded", *GIVEN_UP, instruction=wish)


def _kill_and_replace(case: Case, tell: Callable[[str], None]) -> None:
    rig, began = case.rig, time.monotonic()
    workers = [rig.worker(plainly=True) for _ in range(WORKERS)]
    for number in range(1, int(SECONDS / EVERY) + 1):
        until(lambda due=number * EVERY: time.monotonic() - began >= due, "the next kill is due")
        victim = workers.pop(0)
        in_hand = rig.ask("SELECT count(*) FROM orchestrator_runs WHERE lease_owner LIKE %s", f"%:{victim.pid}")
        victim.kill()
        case.hit(f"worker {victim.pid}")
        states = Counter(dict(rig.ask("SELECT status, count(*) FROM orchestrator_runs GROUP BY status")))
        tell(f"soak: kill {number}, worker {victim.pid} with {in_hand[0][0]} runs in hand; {dict(states)}")
        workers.append(rig.worker(plainly=True))
