"""`uv.lock`, brought up to date by uv itself on a copy of the project."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from moonmind.workflows.orchestrator.planning_ports import LockToolError
from moonmind.workflows.orchestrator.python_tools.explanations import explanation, failure, is_about_python, source_only
from moonmind.workflows.orchestrator.python_tools.machine import MachineUv
from moonmind.workflows.orchestrator.python_tools.scratch import scratch

LOCK_SECONDS = 180.0
LOCK = "uv.lock"
PYPROJECT = "pyproject.toml"


@dataclass(frozen=True, slots=True)
class UvLocks:
    """`planning_ports.LockTools` for the `uv.lock` files of a project."""

    machine: MachineUv

    def refresh(
        self, before: Mapping[str, bytes], after: Mapping[str, bytes], *, python: str | None, node: str | None
    ) -> Mapping[str, bytes]:
        """A lock belongs to the `pyproject.toml` files in and below its folder, and is for every Python they admit."""
        locks = {path: str(PurePosixPath(path).parent) for path in before if PurePosixPath(path).name == LOCK}
        stale = {path: folder for path, folder in locks.items() if any(_is_below(folder, one) for one in after)}
        made = {path: self._lock(path, folder, {**before, **after}) for path, folder in stale.items()}
        return {path: content for path, content in made.items() if content != before[path]}

    def _lock(self, path: str, folder: str, files: Mapping[str, bytes]) -> bytes:
        projects = {name: content for name, content in files.items() if _is_below(folder, name)}
        for name, content in projects.items():
            _refuse_dynamic(name, content)
        with scratch({**projects, path: files[path]}) as copy:
            done = copy.run(self.machine.commands.lock(copy.folder / folder, _indexes(files[path])), LOCK_SECONDS)
            if not done.ok:
                self._raise(path, done.output, failure(done))
            made = copy.read(path)
        if made is None:
            raise LockToolError(f"uv did not write {path}: run `uv lock` and commit the new one")
        return made

    def _raise(self, path: str, output: str, error: Exception) -> None:
        if sources := source_only(output):
            raise LockToolError(
                f"{path} is not brought up to date: {sources[0]} is there as source only, and its code is not run for "
                "that; run `uv lock` and commit the new one"
            )
        if is_about_python(output):
            raise LockToolError(f"{path} needs another Python than this machine has: {explanation(output)}")
        raise error


def _is_below(folder: str, path: str) -> bool:
    file = PurePosixPath(path)
    return file.name == PYPROJECT and (folder == "." or file.is_relative_to(folder))


def _refuse_dynamic(path: str, content: bytes) -> None:
    """uv would run the project's build backend to learn what is dynamic, whatever it is told about building."""
    dynamic = _table(_read(content), "project").get("dynamic")
    if dynamic:
        raise LockToolError(
            f"what is dynamic in {path} ({', '.join(map(str, dynamic))}) only its build system knows, and no code "
            "is run for a lock: run `uv lock` and commit the new one"
        )


def _indexes(lock: bytes) -> list[str]:
    """The indexes that a lock names, the one of most packages first."""
    packages = _read(lock).get("package")
    sources = [_table(one, "source").get("registry") for one in packages if isinstance(one, dict)] if packages else []
    addresses = [one for one in sources if isinstance(one, str) and "://" in one]
    return sorted(set(addresses), key=lambda one: (-addresses.count(one), one))


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = table.get(key)
    return found if isinstance(found, dict) else {}


def _read(content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except ValueError:
        return {}  # uv says what is wrong with it
