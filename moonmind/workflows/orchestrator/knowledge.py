"""The real answers to what planners ask, as this machine is set up for them."""

from __future__ import annotations

from collections.abc import Mapping

from moonmind.workflows.orchestrator.npm_registry import NpmCliRegistry
from moonmind.workflows.orchestrator.npm_registry.locks import NpmLocks
from moonmind.workflows.orchestrator.package_index import PipPackageIndex
from moonmind.workflows.orchestrator.package_index.pip_client import PipClient
from moonmind.workflows.orchestrator.planners import Knowledge
from moonmind.workflows.orchestrator.planning_ports import LockToolError
from moonmind.workflows.orchestrator.uv_tools.machine import MachineUv
from moonmind.workflows.orchestrator.uv_tools.resolver import UvResolver


def make_knowledge() -> Knowledge:
    """Asks pip's index, and the tools that own each lock file."""
    pip = PipClient()
    index = PipPackageIndex(pip)
    resolver = UvResolver(MachineUv(pip), index)
    return Knowledge(index=index, resolver=resolver, npm=NpmCliRegistry(), locks=_Missing(NpmLocks()))


class _Missing:
    """Until each has its adapter."""

    def __init__(self, npm: NpmLocks | None = None) -> None:
        self._npm = npm or NpmLocks()

    def refresh(
        self, before: Mapping[str, bytes], after: Mapping[str, bytes], *, python: str | None, node: str | None
    ) -> Mapping[str, bytes]:
        if any(path.endswith(".lock") for path in before):
            raise LockToolError("there is a lock file and no tool to bring it up to date")
        return self._npm.refresh(before, after, python=python, node=node)
