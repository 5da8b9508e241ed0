"""The real answers to what planners ask, as this machine is set up for them."""

from __future__ import annotations

from collections.abc import Mapping

from moonmind.workflows.orchestrator.package_index import PipPackageIndex
from moonmind.workflows.orchestrator.package_index.pip_client import PipClient
from moonmind.workflows.orchestrator.planners import Knowledge
from moonmind.workflows.orchestrator.planning_ports import LockToolError, NpmRelease
from moonmind.workflows.orchestrator.ports import IndexUnavailableError
from moonmind.workflows.orchestrator.uv_tools.machine import MachineUv
from moonmind.workflows.orchestrator.uv_tools.resolver import UvResolver


def make_knowledge() -> Knowledge:
    """Asks pip's index, and the tools that own each lock file."""
    pip = PipClient()
    index = PipPackageIndex(pip)
    return Knowledge(index=index, resolver=UvResolver(MachineUv(pip), index), npm=_Missing(), locks=_Missing())


class _Missing:
    """Until each has its adapter."""

    def newest(self, package: str, *, node: str | None) -> NpmRelease | None:
        raise IndexUnavailableError("there is no npm registry")

    def refresh(
        self, before: Mapping[str, bytes], after: Mapping[str, bytes], *, python: str | None, node: str | None
    ) -> Mapping[str, bytes]:
        if any(path.endswith((".lock", "package-lock.json")) for path in before):
            raise LockToolError("there is a lock file and no tool to bring it up to date")
        return {}
