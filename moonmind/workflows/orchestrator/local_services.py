"""Services of runtime `process` on a laptop, outside any run: built, started, waited for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from moonmind.config.places import ServicePlace
from moonmind.config.settings import Settings
from moonmind.engine.group_lock import GroupLock
from moonmind.workflows.orchestrator.bootstrap import make_runtime
from moonmind.workflows.orchestrator.command_runner import SubprocessRunner
from moonmind.workflows.orchestrator.health import RealHealthProbe
from moonmind.workflows.orchestrator.service_profiles import ServiceCatalog
from moonmind.workflows.orchestrator.steps.context import complaints_about

HEALTHY_SECONDS = 20.0
"""Patience with a service that has just been started, ours: whoever brings the stack up wants to know, and a broken
service is what the stack is there for."""
POLL_SECONDS = 0.2


def prepare_service(settings: Settings, name: str, log: Callable[[str], None], *, rebuild: bool) -> None:
    """Build a service where it has no build yet (or `rebuild`), and start it anew. Raises StepFailedError."""
    catalog = ServiceCatalog(settings.home, settings.services)
    runtime, timeouts = make_runtime(catalog, name), catalog.get(name).timeouts
    runner, sink = SubprocessRunner(os.environ), _Sink(log)
    with GroupLock(settings.var / "locks", catalog.get(name).lock_group or name):
        if rebuild or not ServicePlace(settings.home, name).current.exists():
            runtime.build(lambda command: runner.run(command, log=sink, timeout=timeouts.build))
        runtime.restart(lambda command: runner.run(command, log=sink, timeout=timeouts.restart))


def wait_for_health(settings: Settings, name: str, *, seconds: float = HEALTHY_SECONDS) -> str | None:
    """None once the service is healthy; the last complaint when it has ended for good or `seconds` are over.

    Raises EngineUnavailableError when the supervisor does not answer.
    """
    catalog = ServiceCatalog(settings.home, settings.services)
    runtime, profile = make_runtime(catalog, name), catalog.get(name)
    runner, probe, sink = SubprocessRunner(os.environ), RealHealthProbe(), _Sink(lambda text: None)
    deadline = time.monotonic() + seconds
    while True:
        state = runtime.observe(lambda command: runner.run(command, log=sink, timeout=profile.timeouts.restart))
        complaints = complaints_about(state, profile, runtime, probe)
        if not complaints:
            return None
        if state.status == "exited" or time.monotonic() > deadline:
            return "; ".join(complaints)
        time.sleep(POLL_SECONDS)


@dataclass(frozen=True, slots=True)
class _Sink:
    """A function as a log."""

    write: Callable[[str], None]
