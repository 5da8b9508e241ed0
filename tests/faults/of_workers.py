"""Faults of workers: killed, stopped and continued, or taken down with what they had started."""

from __future__ import annotations

import signal
from collections.abc import Callable

from tests.faults.case import Case
from tests.faults.processes import until


def killed_at(point: str, service: str = "good0", ends: str = "succeeded", hits: int = 1) -> Callable[[Case], None]:
    """`kill -9` at a failpoint, in turn at its first, second … of `hits` hits; another worker takes over."""

    def inject(case: Case) -> None:
        nth = point if "#" in point else f"{point}#{case.number % hits + 1}"
        armed = case.rig.worker(f"{nth}:kill")
        case.submit(service, ends)
        case.hit(case.rig.wait_hit(armed, point.partition("#")[0], "kill"))
        case.rig.worker()
        case.wait_ended()

    return inject


DELIVERIES = ("committed0", "branched0")


def killed_in_delivery(case: Case) -> None:
    """`kill -9` between making a commit and moving the branch to it: it is there once, and nothing of the user's is."""
    armed = case.rig.worker("delivery.before_move:kill")
    case.submit(DELIVERIES[case.number % len(DELIVERIES)])
    case.hit(case.rig.wait_hit(armed, "delivery.before_move", "kill"))
    case.rig.worker()
    case.wait_ended()
    case.exactly = {"builds": 1, "starts": 1}


def kills_every_worker(case: Case) -> None:
    """A run that kills whoever takes it is given up after three, and undone."""
    rig = case.rig
    for attempt in range(3):
        armed = rig.worker("build.before:kill")
        if attempt == 0:
            case.submit("good0", "rolled_back/gave_up")
        case.hit(rig.wait_hit(armed, "build.before", "kill"))
    rig.worker()
    case.wait_ended()


def killed_during_build(case: Case) -> None:
    """The worker dies while pip runs: the orphan is ended, not waited for, before anybody else builds."""
    rig = case.rig
    rig.index.hold()
    worker = rig.worker()
    run = case.submit("good0")
    until(lambda: rig.index.waiting, "pip asks for the wheel")
    orphans = rig.children()
    worker.kill()
    case.hit(f"worker {worker.pid} killed while {len(orphans)} of its children went on")
    assert orphans
    rig.worker()
    rig.wait_step(run, "build", 2)
    until(lambda: not any(orphan.is_running() for orphan in orphans), "the orphans are ended")
    rig.index.release()
    case.wait_ended()


def whole_group_killed_during_build(case: Case) -> None:
    """Worker and children die together."""
    rig = case.rig
    rig.index.hold()
    worker = rig.worker()
    case.submit("good0")
    until(lambda: rig.index.waiting, "pip asks for the wheel")
    children = rig.children()
    worker.kill()
    rig.end_children()
    case.hit(f"worker {worker.pid} and {len(children)} children killed")
    assert children
    rig.index.release()
    rig.worker()
    case.wait_ended()


STOPS = (("patch.before_write", "patch"), ("build.before", "build"), ("restart.before", "restart"))


def stopped_past_its_lease(case: Case) -> None:
    """Stopped before an effect, continued when the run is somebody else's: it writes and starts nothing any more."""
    point, step = STOPS[case.number % len(STOPS)]
    rig = case.rig
    stopped = rig.worker(f"{point}:stop")
    run = case.submit("good0")
    case.hit(rig.wait_hit(stopped, point, "stop"))
    rig.worker()
    rig.wait_step(run, step, 2)
    stopped.send(signal.SIGCONT)
    case.wait_ended()
    assert stopped.alive
    case.exactly = {"builds": 1, "starts": 1}


def redeployed(case: Case) -> None:
    """Warm shutdown with runs in hand and in the queue; a new worker, started as a release would start it."""
    rig = case.rig
    rig.index.hold()
    old = rig.worker(plainly=True, MOONMIND_ORCHESTRATOR__CONCURRENCY="1")
    for number in range(4):
        case.submit(f"good{number}")
    until(lambda: rig.index.waiting, "a build is on")
    old.send(signal.SIGTERM)
    case.hit(f"SIGTERM to worker {old.pid} with 4 runs, one of them in its build")
    rig.index.release()
    new = rig.worker(plainly=True)
    old.wait()
    case.wait_ended()
    assert new.alive
    case.exactly = {"builds": 4, "starts": 4}
