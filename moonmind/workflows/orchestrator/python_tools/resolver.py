"""Chooses versions with uv, as `pip install` would, without installing or building anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from moonmind.workflows.orchestrator.edits import requirements_txt
from moonmind.workflows.orchestrator.ports import PackageIndex
from moonmind.workflows.orchestrator.python_tools.explanations import failure, not_found
from moonmind.workflows.orchestrator.python_tools.machine import MachineUv
from moonmind.workflows.orchestrator.python_tools.scratch import scratch

RESOLVE_SECONDS = 120.0
OUTPUT = "moonmind-resolved.txt"


@dataclass(frozen=True, slots=True)
class UvResolver:
    """`planning_ports.Resolver` by `uv pip compile` on a scratch copy of the files."""

    machine: MachineUv
    index: PackageIndex

    def resolve(
        self, files: Mapping[str, bytes], root: str, *, python: str | None, prefer: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        """A distribution that the index has as source only cannot be judged: UnresolvableError says which."""
        pins = "".join(f"{name}=={version}\n" for name, version in sorted((prefer or {}).items()))
        with scratch({**files, OUTPUT: pins.encode()}) as copy:
            done = copy.run(self.machine.commands.resolve(copy.folder, root, OUTPUT, python=python), RESOLVE_SECONDS)
            if not done.ok:
                for name in not_found(done.output):
                    self.index.offers(name, python=python)  # uv takes a refusal (403) for an absence; this does not
                raise failure(done)
            return _versions(copy.read(OUTPUT) or b"")


def _versions(content: bytes) -> dict[str, str]:
    requirements = [one.requirement for one in requirements_txt.parse(content).requirements]
    return {
        canonicalize_name(one.name): next(iter(one.specifier)).version
        for one in requirements
        if one is not None and one.specifier
    }
