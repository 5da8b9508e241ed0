"""`poetry.lock`, brought up to date by the Poetry that this machine has, on a copy of the project."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import PurePosixPath

from moonmind.workflows.orchestrator.planning_ports import LockToolError, UnresolvableError
from moonmind.workflows.orchestrator.ports import CommandResult, IndexUnavailableError
from moonmind.workflows.orchestrator.python_commands import PoetryCommands
from moonmind.workflows.orchestrator.python_tools.explanations import without_addresses
from moonmind.workflows.orchestrator.python_tools.machine import MachinePoetry
from moonmind.workflows.orchestrator.python_tools.no_builds import DENIED, LOADED
from moonmind.workflows.orchestrator.python_tools.scratch import Scratch, scratch

LOCK_SECONDS = 300.0
VERSION_SECONDS = 30.0
LOCK = "poetry.lock"
GUARD = ".moonmind-guard"
BY_HAND = "run `poetry lock` and commit the new one"
_VERSION = re.compile(r"version (?P<major>\d+)\.\d+")
_NO_SOLUTION = re.compile(r"^.*(?:version solving failed|doesn't match any versions|no versions of)", re.MULTILINE)
_BUILD_NEEDS = "-root- depends on"
"""How Poetry names the surroundings of a build, which it was about to make."""
_AWAY = (
    "All attempts to connect to",
    "Connection refused",
    "ConnectionError",
    "Server Error",
    "Client Error",
    "timed out",
)


@dataclass(frozen=True, slots=True)
class PoetryLocks:
    """`planning_ports.LockTools` for the `poetry.lock` files of a project."""

    machine: MachinePoetry

    def refresh(
        self, before: Mapping[str, bytes], after: Mapping[str, bytes], *, python: str | None, node: str | None
    ) -> Mapping[str, bytes]:
        """A lock belongs to the `pyproject.toml` beside it, and is for every Python that this admits."""
        locks = {path: str(PurePosixPath(path).with_name("pyproject.toml")) for path in before if _is_lock(path)}
        stale = {path: project for path, project in locks.items() if project in after}
        made = {path: self._lock(path, project, {**before, **after}) for path, project in stale.items()}
        return {path: content for path, content in made.items() if content != before[path]}

    def _lock(self, path: str, project: str, files: Mapping[str, bytes]) -> bytes:
        guard = resources(__package__).joinpath("no_builds.py").read_bytes()
        copied = {project: files[project], path: files[path], f"{GUARD}/sitecustomize.py": guard}
        with scratch(copied) as copy:
            commands = self._commands(path, copy)
            told = copy.run(commands.version(copy.folder), VERSION_SECONDS)
            if copy.read(f"{GUARD}/{LOADED}") is None:
                raise LockToolError(f"this machine's Poetry cannot be kept from running code: {BY_HAND}")
            done = copy.run(commands.lock(copy.folder / PurePosixPath(path).parent, _major(told)), LOCK_SECONDS)
            is_denied = copy.read(f"{GUARD}/{DENIED}") is not None
            if is_denied or not done.ok:  # Poetry may go on without what a build would have told it
                raise _failure(path, done, is_denied=is_denied)
            content = copy.read(path)
        if content is None:
            raise LockToolError(f"Poetry did not write {path}: {BY_HAND}")
        return content

    def _commands(self, path: str, copy: Scratch) -> PoetryCommands:
        program = shutil.which("poetry")
        if program is None:
            raise LockToolError(f"{path} belongs to Poetry, which this machine does not have: install it, or {BY_HAND}")
        return PoetryCommands(program, copy.folder / GUARD, self.machine.environment)


def _is_lock(path: str) -> bool:
    return PurePosixPath(path).name == LOCK


def _major(told: CommandResult) -> int:
    found = _VERSION.search(told.output)
    if not told.ok or found is None:
        raise LockToolError(f"this machine's Poetry does not say its version: {BY_HAND}")
    return int(found["major"])


def _failure(path: str, done: CommandResult, *, is_denied: bool) -> Exception:
    said = " ".join(without_addresses(done.output).split())
    if is_denied or _BUILD_NEEDS in done.output:
        return LockToolError(
            f"{path} is not brought up to date: a package is there as source only, and no code is run: {BY_HAND}"
        )
    if done.timed_out or any(words in done.output for words in _AWAY):
        return IndexUnavailableError(f"Poetry's package index did not answer: {said[-300:]}")
    if _NO_SOLUTION.search(done.output):
        return UnresolvableError(said[-2000:])
    return LockToolError(f"Poetry could not bring {path} up to date: {said[-500:]}")
