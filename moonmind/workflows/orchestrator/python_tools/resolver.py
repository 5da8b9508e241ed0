"""Chooses versions with uv, as `pip install` would, without installing or building anything."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from moonmind.workflows.orchestrator.edits import pyproject_toml, requirements_txt
from moonmind.workflows.orchestrator.package_index import PipPackageIndex
from moonmind.workflows.orchestrator.planning_ports import UnresolvableError
from moonmind.workflows.orchestrator.ports import Command
from moonmind.workflows.orchestrator.python_tools.explanations import failure, not_found, passed_over, source_only
from moonmind.workflows.orchestrator.python_tools.machine import MachineUv
from moonmind.workflows.orchestrator.python_tools.scratch import Scratch, scratch

RESOLVE_SECONDS = 120.0
ROUNDS = 6
"""How often distributions that are there as source only may turn up, each deeper among the dependencies."""
OUTPUT = "moonmind-resolved.txt"
ROOT = "moonmind-root.in"
LINKS = "moonmind-links"


@dataclass(frozen=True, slots=True)
class UvResolver:
    """`planning_ports.Resolver` by `uv pip compile` on a scratch copy of the files."""

    machine: MachineUv
    index: PipPackageIndex

    def resolve(
        self, files: Mapping[str, bytes], root: str, *, python: str | None, prefer: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        """A distribution that is there as source only is chosen by the metadata that its archive has; one that tells
        its dependencies only when it is built cannot be judged, and UnresolvableError says which."""
        pins = "".join(f"{name}=={version}\n" for name, version in sorted((prefer or {}).items())).encode()
        made = {f"{LINKS}/.keep": b""}
        if root.endswith("pyproject.toml"):
            made[ROOT], root = _as_requirements(root, files), ROOT
        with scratch({**files, **made}) as copy:
            return self._resolve(copy, root, python, pins, _versions_in(files, prefer or {}))

    def _resolve(
        self, copy: Scratch, root: str, python: str | None, pins: bytes, named: Collection[str]
    ) -> Mapping[str, str]:
        links = copy.folder / LINKS
        command = self.machine.commands.resolve(copy.folder, root, OUTPUT, links=links, python=python)
        seen: set[str] = set()
        for _ in range(ROUNDS):
            copy.write(OUTPUT, pins)
            done = copy.run(command, RESOLVE_SECONDS)
            resolved = _pins(copy.read(OUTPUT) or b"")
            new = (self._passed_over(copy, command, pins) if done.ok else set(source_only(done.output))) - seen
            wheels = [wheel for name in sorted(new) for wheel in self.index.source_wheels(name, named, python=python)]
            for name, content in wheels:
                copy.write(f"{LINKS}/{name}", content)
            seen |= new
            if not wheels:
                break
        if done.ok:
            return resolved
        for name in not_found(done.output):
            self.index.offers(name, python=python)  # uv takes a refusal (403) for an absence; this does not
        raise failure(done)

    def _passed_over(self, copy: Scratch, command: Command, pins: bytes) -> set[str]:
        """What uv may have avoided because it has no wheel, with an older release that does not ask for it."""
        copy.write(OUTPUT, pins)
        return passed_over(copy.run(self.machine.commands.told(command), RESOLVE_SECONDS).output)


def _as_requirements(path: str, files: Mapping[str, bytes]) -> bytes:
    """What a project asks for, line by line: so nothing of it is built, whatever of it is dynamic."""
    try:
        listed = pyproject_toml.dependencies(files[path])
    except pyproject_toml.NotPep621Error as error:
        raise UnresolvableError(f"{path} cannot be read: {error}") from None
    return "".join(f"{one}\n" for one in listed).encode()


def _versions_in(files: Mapping[str, bytes], prefer: Mapping[str, str]) -> set[str]:
    """Every version that is asked for or installed, whosoever it is: more than enough, and few."""
    listed = [
        requirements_txt.parse(content).requirements
        for path, content in files.items()
        if path.endswith((".txt", ".in"))
    ]
    asked = (entry.requirement for entries in listed for entry in entries if entry.requirement)
    return {one.version for requirement in asked for one in requirement.specifier} | set(prefer.values())


def _pins(content: bytes) -> dict[str, str]:
    requirements = [one.requirement for one in requirements_txt.parse(content).requirements]
    return {
        canonicalize_name(one.name): next(iter(one.specifier)).version
        for one in requirements
        if one is not None and one.specifier
    }
