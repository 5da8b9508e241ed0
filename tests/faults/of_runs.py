"""Several wishes at once: runs for one service, a cancel that meets a crash."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tests.faults.case import Case

RESTART = "restart it"


def two_runs_at_once(case: Case) -> None:
    """Posted in the same instant, with two workers: one after the other."""
    rig = case.rig
    rig.worker()
    rig.worker()
    together = Barrier(2)

    def post(_: int) -> str:
        together.wait()
        return rig.submit("sound0", RESTART)

    with ThreadPoolExecutor(2) as pool:
        for run in pool.map(post, range(2)):
            case.expect(run, "sound0")
    case.hit("2 runs for one service posted at once")
    case.wait_ended()
    case.exactly = {"builds": 0, "starts": 2}


POINTS = ("patch.after_write", "build.after", "restart.after")


def cancelled_while_nobody_has_it(case: Case) -> None:
    """Its worker dies after an effect, somebody cancels before another worker comes: it is undone."""
    point = POINTS[case.number % len(POINTS)]
    rig = case.rig
    armed = rig.worker(f"{point}:kill")
    run = case.submit("good0", "rolled_back/cancelled")
    case.hit(rig.wait_hit(armed, point, "kill"))
    answer = rig.call("POST", f"/orchestrator/runs/{run}/cancel")
    assert answer.status_code == 202, answer.text
    rig.worker()
    case.wait_ended()
