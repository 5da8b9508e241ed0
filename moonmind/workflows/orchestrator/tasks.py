"""The thin Celery face: each task claims its step and does it, or finds nothing to do and ends the chain.

Every worker also runs a dispatcher and a reaper, so that one process is enough and any number is right.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from celery import Celery, Task
from celery.exceptions import Ignore
from celery.signals import setup_logging, worker_ready, worker_shutdown, worker_shutting_down

from moonmind.config.home import current_home
from moonmind.config.known_secrets import make_redactor
from moonmind.config.settings import load_settings
from moonmind.engine.celery_publisher import CeleryPublisher
from moonmind.engine.dispatcher import Dispatcher
from moonmind.engine.insist import insist
from moonmind.engine.jobs import read_payload
from moonmind.engine.reaper import Reaper
from moonmind.schemas.workflow_models import StepName
from moonmind.utils.logging import configure_logging
from moonmind.workflows.orchestrator import use_cases
from moonmind.workflows.orchestrator.approval_gates import keep_configured_gates
from moonmind.workflows.orchestrator.bootstrap import make_database, make_toolbox
from moonmind.workflows.orchestrator.dead_letters import park
from moonmind.workflows.orchestrator.gauges import GaugeReporter, QueueGauges
from moonmind.workflows.orchestrator.repositories import JOBS
from moonmind.workflows.orchestrator.run_rows import TIDY, ask_for_tidying, wakeup_for
from moonmind.workflows.orchestrator.toolbox import Toolbox

app = Celery("moonmind", config_source="moonmind.workflows.orchestrator.celeryconfig")
_stop = threading.Event()


@cache
def toolbox() -> Toolbox:
    """This worker's adapters, made when first needed."""
    settings = load_settings(current_home(), os.environ)
    return make_toolbox(settings, make_database(settings))


def _task_for(name: str) -> None:
    """Register `orchestrator.<name>`."""

    @app.task(name=f"orchestrator.{name}", bind=True)
    def run_step(self: Task[Any, None], *said: object, **named: object) -> None:
        message = said[0] if len(said) == 1 and not named else {"args": said, "kwargs": named}
        try:
            run, epoch = read_payload(message)
        except ValueError as error:
            park(
                app,
                message,
                str(error),
                queue=str((self.request.delivery_info or {}).get("routing_key")),
                properties={},
            )
            raise Ignore from None
        if not use_cases.do_task(toolbox(), name, run, epoch, self.request.id or ""):
            raise Ignore  # the chain ends here


for _name in (*StepName, TIDY):
    _task_for(_name)


@setup_logging.connect
def _configure_logging(**_: object) -> None:
    configure_logging(make_redactor(load_settings(current_home(), os.environ), os.environ))


@worker_ready.connect
def _start_engine(**_: object) -> None:
    tools, settings = toolbox(), load_settings(current_home(), os.environ)
    engine = tools.store.engine
    reaper = Reaper(
        engine,
        JOBS,
        wakeup_for,
        ask_for_tidying,
        interval=settings.orchestrator.reaper_seconds,
        patience=settings.orchestrator.lease_seconds,
    )
    dispatcher = Dispatcher(engine, CeleryPublisher(app))
    _start("dispatcher", dispatcher.run)
    _start("reaper", reaper.run)
    if settings.statsd.host is not None:
        gauges = QueueGauges(engine, settings.queues)
        _start("gauges", GaugeReporter(gauges.read, tools.metrics, interval=settings.statsd.gauge_seconds).run)
    _start("gates", lambda stop: insist(lambda: keep_configured_gates(tools), pause=lambda wait: not stop.wait(wait)))


@worker_shutting_down.connect
def _stop_engine(**_: object) -> None:
    _stop.set()


@worker_shutdown.connect
def _close_telemetry(**_: object) -> None:
    toolbox().metrics.close()
    toolbox().tracing.close()


def _start(name: str, run: Callable[[threading.Event], None]) -> None:
    threading.Thread(target=run, args=(_stop,), name=name, daemon=True).start()
