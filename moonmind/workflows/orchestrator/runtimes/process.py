"""A service as a supervised local process in its own virtual environment: the `process` runtime.

Environments are built into `venvs/<n>` and come into use by switching one link, so that a half-built one is never used
and going back is switching it back. Those that neither the link nor a run's restore point names are removed.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from uuid import UUID

from moonmind.config.places import ServicePlace, supervisor_config
from moonmind.schemas.service_profile import ProcessRuntime
from moonmind.schemas.workflow_models import ServiceFacts, ServiceState
from moonmind.workflows.orchestrator.commands import ProcessCommands
from moonmind.workflows.orchestrator.edits import requirements_txt
from moonmind.workflows.orchestrator.ports import (
    CommandResult,
    EngineUnavailableError,
    Execute,
    RestorePoint,
    StepFailedError,
)
from moonmind.workflows.orchestrator.python_commands import UvCommands
from moonmind.workflows.orchestrator.runtimes.environments import read_environment

LOG_BYTES = 256 * 1024
REASON_LIMIT = 500
"""Characters of what failed that go into the step's reason; the log has it all."""
SOURCES = "sources"
"""The copy of the workspace while it is built, beside the environments."""
STATUS_LINE = re.compile(r"^(?P<program>\S+)\s+(?P<state>[A-Z]+)\b(?:\s+pid (?P<pid>\d+))?", re.MULTILINE)
STATUSES: Mapping[str, Literal["running", "starting", "exited", "restarting"]] = {
    "RUNNING": "running",
    "STARTING": "starting",
    "BACKOFF": "restarting",
    "STOPPING": "exited",
    "STOPPED": "exited",
    "EXITED": "exited",
    "FATAL": "exited",
}
"""supervisor's process states; FATAL: it gave up restarting."""
ENDED_ITSELF = ("spawn error", "abnormal termination")
"""How `supervisorctl start` says that the service, not the supervisor, is at fault."""


@dataclass(frozen=True, slots=True)
class SupervisedService:
    """Adapter of `ports.Runtime` for `runtime = "process"`. `workspace` is absolute; `uv` is made when it is needed,
    since pip is asked for its settings then."""

    place: ServicePlace
    workspace: Path
    profile: ProcessRuntime
    uv: Callable[[], UvCommands]

    def observe(self, execute: Execute) -> ServiceState:
        """supervisor counts no restarts; `instance`, the pid, tells of each."""
        result = execute(self._commands.status())
        seen = STATUS_LINE.search(result.output)
        if seen is None or seen["program"] != self.place.program or seen["state"] not in STATUSES:
            raise _refusal(result, self.place.program, "engine_unavailable")
        return ServiceState(status=STATUSES[seen["state"]], instance=seen["pid"])

    def recent_logs(self, execute: Execute) -> str:
        """Read as a file: the supervisor need not answer for it."""
        try:
            with self.place.log.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_BYTES))
                return file.read(LOG_BYTES).decode("utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def facts(self, execute: Execute) -> ServiceFacts:
        """What the current environment says of itself, read from its files' names."""
        return read_environment(self.place.current)

    def check(self, execute: Execute) -> None:
        """Nothing to refuse: what is built and started is in the profile, which an admin wrote."""

    def restore_point(self, execute: Execute, run_id: UUID) -> RestorePoint:
        """`environment` is the number of the current one (None: there is none); the first answer of a run stays."""
        keep = self.place.kept / str(run_id)
        if not keep.exists():
            keep.parent.mkdir(parents=True, exist_ok=True)
            written = keep.with_name(f"{keep.name}.new")
            written.write_text(self._current() or "", encoding="ascii")
            os.replace(written, keep)
        return {"environment": keep.read_text(encoding="ascii") or None, "run": str(run_id)}

    def build(self, execute: Execute) -> None:
        """A new environment, in use from the next start on; the current one stays until it is complete."""
        self._remove_unused(execute)
        number = str(max((int(name) for name in self._numbers()), default=0) + 1)
        environment = self.place.venvs / number
        self.place.venvs.mkdir(parents=True, exist_ok=True)
        made = execute(self.uv().make_environment(self.profile.python or sys.executable, environment))
        _need(made, "build_failed", "making the environment")
        self._install(execute, environment)
        self._switch(execute, number, "build_failed")

    def restart(self, execute: Execute) -> None:
        """Returns once the service has run for a second or has ended; which of both is for verify to judge."""
        stopped = execute(self._commands.stop())
        if not stopped.ok and "not running" not in stopped.output:
            raise _refusal(stopped, self.place.program, "restart_failed")
        if self.place.log.exists():
            _need(execute(self._commands.set_aside(self.place.log)), "restart_failed", "setting the log aside")
        started = execute(self._commands.start())
        if not started.ok and not any(words in started.output for words in ENDED_ITSELF):
            raise _refusal(started, self.place.program, "restart_failed")

    def restore(self, execute: Execute, point: RestorePoint) -> bool:
        """Back to the environment of the restore point, or to none."""
        number = point["environment"]
        if number is None:
            _need(execute(self._commands.remove(self.place.current)), "restore_failed", "removing the link")
        elif (self.place.venvs / number).is_dir():
            self._switch(execute, number, "restore_failed")
        else:
            raise StepFailedError("restore_failed", f"the environment {number} of {self.place.name} is gone")
        return number is not None

    def discard(self, execute: Execute, point: RestorePoint) -> None:
        """The run's claim goes; what nobody needs any more is removed by the next build, which holds the lock group."""
        (self.place.kept / str(point["run"])).unlink(missing_ok=True)

    def probe_values(self) -> Mapping[str, str]:
        """The profile's port, else the one that the stack chose."""
        if self.profile.port:
            return {"port": str(self.profile.port)}
        try:
            return {"port": self.place.port_file.read_text(encoding="ascii").strip()}
        except FileNotFoundError:
            raise EngineUnavailableError(f"{self.place.name} has no port yet: `moonmind up` chooses one") from None

    def _install(self, execute: Execute, environment: Path) -> None:
        """A project's folder is installed from a copy: its build leaves `build/` and `*.egg-info` where it works."""
        what = self.profile.install
        if PurePosixPath(what).suffix:
            hashed = self._is_hashed(what)
            _need(execute(self.uv().install(what, environment, self.workspace, hashed=hashed)), "build_failed", "uv")
            return
        copy = environment.with_name(SOURCES)
        execute(self._commands.remove(copy))
        _need(execute(self._commands.copy_sources(copy)), "build_failed", "copying the workspace")
        done = execute(self.uv().install(what, environment, copy, hashed=False))
        execute(self._commands.remove(copy))
        _need(done, "build_failed", "uv")

    def _is_hashed(self, what: str) -> bool:
        try:
            return requirements_txt.parse((self.workspace / what).read_bytes()).is_hashed
        except OSError:
            return False  # uv says what is wrong with it

    @property
    def _commands(self) -> ProcessCommands:
        return ProcessCommands(
            python=sys.executable,
            config=supervisor_config(self.place.home),
            program=self.place.program,
            workspace=self.workspace,
        )

    def _current(self) -> str | None:
        try:
            return Path(os.readlink(self.place.current)).name
        except FileNotFoundError:
            return None

    def _numbers(self) -> list[str]:
        if not self.place.venvs.is_dir():
            return []
        return [entry.name for entry in self.place.venvs.iterdir() if entry.name.isdecimal()]

    def _switch(self, execute: Execute, number: str, code: str) -> None:
        target = f"{self.place.venvs.name}/{number}"
        _need(execute(self._commands.switch(self.place.current, target)), code, "switching the environment")

    def _remove_unused(self, execute: Execute) -> None:
        """Also what a crash left half-built: it is neither current nor kept."""
        kept = {keep.read_text(encoding="ascii") for keep in self.place.kept.glob("*") if not keep.suffix}
        unused = sorted(set(self._numbers()) - kept - {self._current()})
        if unused:
            execute(self._commands.remove(*(self.place.venvs / number for number in unused)))


def _need(result: CommandResult, code: str, what: str) -> None:
    if result.timed_out:
        raise StepFailedError(code, f"{what} took too long")
    if not result.ok:
        raise StepFailedError(code, f"{what} ended with {result.exit_code}: {_reason(result)}")


def _refusal(result: CommandResult, program: str, code: str) -> StepFailedError:
    """What `supervisorctl` failed for: an unknown program, or no supervisor there."""
    if "no such process" in result.output or "no such group" in result.output:
        return StepFailedError("service_unknown", f"the supervisor has no program {program}: restart `moonmind up`")
    if "SHUTDOWN_STATE" in result.output:
        return EngineUnavailableError("the supervisor is shutting down; `moonmind up` starts it again")
    if code != "engine_unavailable" and f"{program}: ERROR" in result.output:
        return StepFailedError(code, _last_line(result))
    said = "no answer in time" if result.timed_out else _last_line(result)
    return EngineUnavailableError(f"the supervisor does not answer (is `moonmind up` running?): {said}")


def _reason(result: CommandResult) -> str:
    """uv's error with its causes, else the last line."""
    error = result.output.rpartition("error: ")[2] if "error: " in result.output else ""
    return " ".join(error.split())[:REASON_LIMIT] or _last_line(result)


def _last_line(result: CommandResult) -> str:
    return next((line.strip() for line in reversed(result.output.splitlines()) if line.strip()), "no output")
