"""Faults of the container engine, as one worker sees it: away or hung, before an edit and after it."""

from __future__ import annotations

import signal

from tests.faults.case import Case, Inject
from tests.faults.containers import Box
from tests.faults.relay import Mode

LOST = "rolled_back/engine_unavailable"


def before_edit(mode: Mode) -> Inject:
    """The engine cannot be asked: the run fails, and nothing is touched."""

    def inject(case: Case) -> None:
        rig = case.rig
        box = case.use(rig.box("box"))
        rig.worker()
        rig.docker.set(mode)
        case.hit(f"the engine is {'gone' if mode == 'cut' else 'hung'}")
        case.submit(box.name, "failed/engine_unavailable")
        case.wait_ended()
        rig.docker.set("pass")

    return inject


POINTS = (("build.before", "brief", "build"), ("restart.after", "box", "verify"))


def after_edit(mode: Mode) -> Inject:
    """Lost before the build or after the restart: rolled back when it is there again, never `succeeded`."""

    def inject(case: Case) -> None:
        point, name, failing = POINTS[case.number % len(POINTS)]
        rig = case.rig
        box: Box = case.use(rig.box(name))
        worker = rig.worker(f"{point}:stop")
        run = case.submit(box.name, LOST)
        case.hit(rig.wait_hit(worker, point, "stop"))
        rig.docker.set(mode)
        case.hit(f"the engine is {'gone' if mode == 'cut' else 'hung'}")
        worker.send(signal.SIGCONT)
        rig.wait_step(run, failing, 1, "FAILURE")
        rig.wait_step(run, "rollback", 1, "RETRY")
        rig.docker.set("pass")
        case.wait_ended()

    return inject
