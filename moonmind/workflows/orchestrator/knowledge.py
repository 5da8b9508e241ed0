"""The real answers to what planners ask, as this machine is set up for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from moonmind.workflows.orchestrator.package_index import PipPackageIndex
from moonmind.workflows.orchestrator.package_index.pip_client import PipClient
from moonmind.workflows.orchestrator.planners import Knowledge
from moonmind.workflows.orchestrator.planning_ports import LockTools, NpmRelease
from moonmind.workflows.orchestrator.ports import IndexUnavailableError
from moonmind.workflows.orchestrator.python_tools.compiled_requirements import CompiledRequirements
from moonmind.workflows.orchestrator.python_tools.machine import MachinePoetry, MachineUv
from moonmind.workflows.orchestrator.python_tools.poetry_lock import PoetryLocks
from moonmind.workflows.orchestrator.python_tools.resolver import UvResolver
from moonmind.workflows.orchestrator.python_tools.uv_lock import UvLocks


def make_knowledge() -> Knowledge:
    """Asks pip's index, and the tools that own each lock file."""
    pip = PipClient()
    index, uv = PipPackageIndex(pip), MachineUv(pip)
    return Knowledge(
        index=index,
        resolver=UvResolver(uv, index),
        npm=_Missing(),
        locks=AllLocks((UvLocks(uv), PoetryLocks(MachinePoetry(pip)), CompiledRequirements(uv))),
    )


class _Missing:
    """Until it has its adapter."""

    def newest(self, package: str, *, node: str | None) -> NpmRelease | None:
        raise IndexUnavailableError("there is no npm registry")


@dataclass(frozen=True, slots=True)
class AllLocks:
    """`planning_ports.LockTools` of several tools, each for its own files."""

    tools: Sequence[LockTools]

    def refresh(
        self, before: Mapping[str, bytes], after: Mapping[str, bytes], *, python: str | None, node: str | None
    ) -> Mapping[str, bytes]:
        made: dict[str, bytes] = {}
        for tool in self.tools:
            made |= tool.refresh(before, after, python=python, node=node)
        return made
