"""The demo itself, once the stack is up: the service works, breaks, is repaired by one instruction, and works."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from moonmind.cli.client import Client
from moonmind.cli.demo_service import MANIFEST, NAME, DemoService
from moonmind.cli.local import prepare
from moonmind.cli.progress import Progress
from moonmind.cli.run_view import RUNS, TERMINAL, Run, watch_run
from moonmind.config.places import ServicePlace
from moonmind.config.settings import Settings
from moonmind.embedded.files import tail
from moonmind.embedded.stack import Stack
from moonmind.embedded.supervisor import Supervisor
from moonmind.workflows.orchestrator.ports import StepFailedError

INSTRUCTION = "fix the missing dependency"
HEALTHY_SECONDS = 30.0
EARLIER_RUN_SECONDS = 240.0
"""A run that a killed stack left behind goes on once its lease has expired, and then needs its steps' time."""
POLL_SECONDS = 0.1
LOG_LINES = 4
HTTP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Shown:
    """How the demo ended. `seconds` from the instruction to the service's answer."""

    run: Run
    seconds: float
    url: str
    artifacts: Path
    answered: bool

    @property
    def is_good(self) -> bool:
        """The run succeeded and the service answered."""
        return self.run["status"] == "succeeded" and self.answered

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "run_id": self.run["run_id"],
            "status": self.run["status"],
            "service": NAME,
            "seconds": round(self.seconds, 1),
            "url": self.url,
            "artifacts": str(self.artifacts),
        }


@dataclass(frozen=True, slots=True)
class Probe:
    """Asks the service, and the supervisor about it."""

    settings: Settings
    url: str

    def answer(self) -> int | None:
        """The status of GET /, None when nothing answers."""
        import httpx

        try:
            return httpx.get(self.url, timeout=HTTP_SECONDS, trust_env=False).status_code
        except httpx.HTTPError:
            return None

    def works(self) -> bool:
        """Wait until it answers 200 or has ended; whether it answers."""
        deadline = time.monotonic() + HEALTHY_SECONDS
        while (status := self.answer()) != 200 and time.monotonic() < deadline and not self._has_ended():
            time.sleep(POLL_SECONDS)
        return status == 200

    def last_words(self) -> str:
        """The end of the service's log."""
        return tail(self._place.log, LOG_LINES)

    def _has_ended(self) -> bool:
        return Supervisor(self.settings.home).state(self._place.program) in ("BACKOFF", "EXITED", "FATAL")

    @property
    def _place(self) -> ServicePlace:
        return ServicePlace(self.settings.home, NAME)


def show(stack: Stack, service: DemoService, package: str | None, tell: Progress) -> Shown:
    """All of it, on stderr. Raises ClickException when there is nothing to show."""
    settings = stack.settings
    client = Client(stack.url, (settings.var / "admin.key").read_text(encoding="ascii").strip())
    probe = Probe(settings, f"http://127.0.0.1:{stack.ports[NAME]}/")
    _let_earlier_runs_end(client, tell)
    _show_working(settings, service, probe, tell)
    if probe.answer() == 200:
        _break(settings, service, package, probe, tell)
    tell.failed()
    tell.say(probe.last_words(), style="red")
    run, seconds, answered = _repair(client, probe, tell)
    artifacts = settings.artifact_root / "spec_workflows" / run["run_id"]
    tell.say(f"look at {artifacts} (plan, diff and the log of each step) and {service.copy / MANIFEST}")
    return Shown(run, seconds, probe.url, artifacts, answered)


def _let_earlier_runs_end(client: Client, tell: Progress) -> None:
    """What a killed stack was at in the middle of its work is finished first: it owns the service until then."""
    deadline = time.monotonic() + EARLIER_RUN_SECONDS
    said = False
    while active := [run for run in client.get(RUNS, service=NAME)["runs"] if run["status"] not in TERMINAL]:
        if not said:
            tell(f"waiting for {active[0]['run_id']}, a run that was interrupted, to end")
            said = True
        if time.monotonic() > deadline:
            raise click.ClickException(f"{active[0]['run_id']} is still {active[0]['status']}; the demo cannot begin")
        time.sleep(POLL_SECONDS)


def _show_working(settings: Settings, service: DemoService, probe: Probe, tell: Progress) -> None:
    tell(f"service {NAME}: building the copy in {service.copy}")
    service.copy_afresh()
    _redeploy(settings, tell)
    tell(f"service {NAME} at {probe.url}")
    if probe.works():
        tell.done()
        tell.say(f"{NAME} answers 200")


def _break(settings: Settings, service: DemoService, package: str | None, probe: Probe, tell: Progress) -> None:
    if package is None:
        raise click.ClickException(f"{NAME} works as it is: name one of {', '.join(service.packages())} with --remove")
    tell(f"taking `{service.remove(package)}` out of {MANIFEST} and deploying {NAME} again")
    _redeploy(settings, tell)
    tell(f"service {NAME} at {probe.url}")
    if probe.works():
        raise click.ClickException(f"{NAME} works without {package}: nothing to repair")


def _repair(client: Client, probe: Probe, tell: Progress) -> tuple[Run, float, bool]:
    """The run as it ended, the seconds it took until the service answered, and whether it did."""
    began = time.monotonic()
    tell.say(f'POST {client.url}{RUNS} {{"instruction": "{INSTRUCTION}", "target_service": "{NAME}"}}')
    accepted = client.post(RUNS, {"instruction": INSTRUCTION, "target_service": NAME})
    run = watch_run(client, accepted["run_id"])
    tell(f"service {NAME} at {probe.url}")
    answered = probe.works()
    tell.done() if answered else tell.failed()
    seconds = time.monotonic() - began
    tell.say(f"{NAME} answers 200" if answered else f"{NAME} does not answer:\n{probe.last_words()}")
    return run, seconds, answered


def _redeploy(settings: Settings, tell: Progress) -> None:
    try:
        prepare(settings, NAME, tell, rebuild=True)
    except StepFailedError as error:
        raise click.ClickException(f"{NAME} cannot be built: {error.reason}") from None
