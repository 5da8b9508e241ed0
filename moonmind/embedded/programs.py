"""What the stack runs: PostgreSQL, API, worker, and every service of runtime `process`. Pure: builds descriptions."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from moonmind.config.places import ServicePlace
from moonmind.config.settings import Settings
from moonmind.schemas.service_profile import ProcessRuntime
from moonmind.utils.environment import PLAIN_ENVIRONMENT

MARK = "MOONMIND_STACK"
"""In the environment of every process of a stack: its home."""

DATABASE_FIRST, SERVICES_NEXT, API_NEXT, WORKER_LAST = 10, 20, 30, 40
"""Order of starting; stopping goes the other way, each waiting for the one before."""


@dataclass(frozen=True, slots=True)
class Program:
    """One supervised program. `bin`: see launch.Spec. Times in seconds."""

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    log: Path
    priority: int
    bin: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: int = 5
    autostart: bool = False
    whole_group: bool = field(default=False)
    """Stop its children as well: for programs that do not do so themselves."""


def postgres_program(argv: tuple[str, ...], settings: Settings, env: Mapping[str, str]) -> Program:
    """The database; SIGINT is its fast shutdown."""
    return Program(
        "postgres", argv, Path("/"), {k: v for k, v in env.items() if k in PLAIN_ENVIRONMENT} | _mark(settings),
        settings.var / "log" / "postgres.log", DATABASE_FIRST,
        stop_signal=signal.SIGINT, stop_seconds=30, autostart=True,
    )  # fmt: skip


def api_program(settings: Settings, env: Mapping[str, str], host: str, port: int) -> Program:
    """The HTTP side. Open event streams get three seconds at the end."""
    factory = ("--factory", "api_service.main:create_app", "--host", host, "--port", str(port))
    plain = ("--no-server-header", "--no-proxy-headers")  # whose headers count, `trusted_proxies` says
    argv = (sys.executable, "-m", "uvicorn", *factory, "--timeout-graceful-shutdown", "3", *plain)
    return Program("api", argv, settings.home, {**env, **_mark(settings)}, settings.var / "log" / "api.log", API_NEXT)


def worker_program(settings: Settings, env: Mapping[str, str]) -> Program:
    """One worker for all queues of this machine. A warm shutdown; what it cannot finish the next stack takes up."""
    argv = (
        *(sys.executable, "-m", "celery", "-A", "moonmind.workflows.orchestrator.tasks", "worker"),
        *("--pool", "threads", "--concurrency", str(settings.orchestrator.concurrency)),
        *("--queues", ",".join(settings.queues), "--hostname", "embedded@%h"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"),
    )
    log = settings.var / "log" / "worker.log"
    marked = {**env, **_mark(settings)}
    return Program("worker", argv, settings.home, marked, log, WORKER_LAST, stop_seconds=10)


def service_program(
    place: ServicePlace, workspace: Path, profile: ProcessRuntime, settings: Settings, env: Mapping[str, str], port: int
) -> Program:
    """A service, with its environment's programs first on PATH and its port in PORT."""
    passed = {k: v for k, v in env.items() if k in PLAIN_ENVIRONMENT or k.startswith("LC_")}
    given = {**passed, "PYTHONUNBUFFERED": "1", **profile.env, "PORT": str(port), **_mark(settings)}
    return Program(
        place.program, profile.command, workspace, given, place.log, SERVICES_NEXT, bin=place.current, whole_group=True
    )


def process_services(settings: Settings) -> dict[str, ProcessRuntime]:
    """The services that this stack supervises, by name."""
    profiles = settings.services.items()
    return {name: p.process for name, p in profiles if p.runtime == "process" and p.process is not None}


def service_programs(settings: Settings, env: Mapping[str, str], ports: Mapping[str, int]) -> tuple[Program, ...]:
    """One program a service, on the ports given by name."""
    return tuple(
        service_program(
            ServicePlace(settings.home, name), settings.home / settings.services[name].workspace,
            profile, settings, env, ports[name],
        )
        for name, profile in process_services(settings).items()
    )  # fmt: skip


def _mark(settings: Settings) -> dict[str, str]:
    return {MARK: str(settings.home)}
