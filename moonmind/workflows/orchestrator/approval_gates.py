"""The policy of each service: from `config.toml`, or set through the API, which then stays in force."""

from __future__ import annotations

from moonmind.schemas.approvals import ApprovalGate, GateSource
from moonmind.workflows.orchestrator.approvals import reconsider
from moonmind.workflows.orchestrator.repositories import RunRepository
from moonmind.workflows.orchestrator.toolbox import Toolbox

SYSTEM = "system"


def list_gates(tools: Toolbox) -> dict[str, tuple[ApprovalGate, GateSource]]:
    """The gate of each service that is configured here, and where it comes from."""
    with tools.store.transaction() as runs:
        stored = runs.approvals.gates()
    return {name: stored.get(name, (tools.catalog.get(name).approval, "config")) for name in tools.catalog.names()}


def put_gate(tools: Toolbox, service: str, gate: ApprovalGate, actor: str) -> None:
    """Set a service's gate from now on, whatever `config.toml` says. Raises UnknownServiceError."""
    tools.catalog.get(service)
    with tools.store.transaction() as runs:
        _put(runs, service, gate, "api", actor)


def keep_configured_gates(tools: Toolbox) -> None:
    """At the start of a process: what `config.toml` says is stored, unless the API set something else since."""
    with tools.store.transaction() as runs:
        stored = runs.approvals.gates()
        for name in tools.catalog.names():
            wanted = tools.catalog.get(name).approval
            there, source = stored.get(name, (ApprovalGate(), "config"))
            if source == "config" and there != wanted:
                _put(runs, name, wanted, "config", SYSTEM)


def _put(runs: RunRepository, service: str, gate: ApprovalGate, source: GateSource, actor: str) -> None:
    """Store a gate, on record, and let the runs that wait for this service go by it."""
    runs.approvals.put_gate(service, gate, source, actor)
    for run in runs.waiting_for(service):
        held = runs.lock(run)
        if held is not None and held.is_waiting:
            reconsider(runs, held, actor)
