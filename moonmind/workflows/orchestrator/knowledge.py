"""The real answers to what planners ask, as this machine is set up for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from moonmind.workflows.orchestrator.npm_registry import NpmCliRegistry
from moonmind.workflows.orchestrator.npm_registry.locks import NpmLocks
from moonmind.workflows.orchestrator.package_index import PipPackageIndex
from moonmind.workflows.orchestrator.package_index.pip_client import PipClient
from moonmind.workflows.orchestrator.planners import Knowledge
from moonmind.workflows.orchestrator.planning_ports import LockTools
from moonmind.workflows.orchestrator.python_tools.compiled_requirements import CompiledRequirements
from moonmind.workflows.orchestrator.python_tools.machine import MachinePoetry, MachineUv
from moonmind.workflows.orchestrator.python_tools.poetry_lock import PoetryLocks
from moonmind.workflows.orchestrator.python_tools.resolver import UvResolver
from moonmind.workflows.orchestrator.python_tools.uv_lock import UvLocks


def make_knowledge() -> Knowledge:
    """Asks pip's index, npm's registry, and the tools that own each lock file."""
    pip = PipClient()
    index, uv = PipPackageIndex(pip), MachineUv(pip)
    return Knowledge(
        index=index,
        resolver=UvResolver(uv, index),
        npm=NpmCliRegistry(),
        locks=AllLocks((UvLocks(uv), PoetryLocks(MachinePoetry(pip)), CompiledRequirements(uv), NpmLocks())),
    )


@dataclass(frozen=True, slots=True)
class AllLocks:
    """`planning_ports.LockTools` of several tools, each for its own files."""

    tools: Sequence[LockTools]

    def refresh(
        self, before: Mapping[str, bytes], after: Mapping[str, bytes], *, python: str | None, node: str | None
    ) -> Mapping[str, bytes]:
        """What all of them made anew."""
        made: dict[str, bytes] = {}
        for tool in self.tools:
            made |= tool.refresh(before, after, python=python, node=node)
        return made
