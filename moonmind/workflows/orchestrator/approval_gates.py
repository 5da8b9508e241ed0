"""The policy of each service: from `config.toml`, or set through the API, which then stays in force."""

from __future__ import annotations

from moonmind.schemas.approvals import ApprovalGate, GateSource
from moonmind.workflows.orchestrator.approval_rows import SYSTEM
from moonmind.workflows.orchestrator.approvals import reconsider
from moonmind.workflows.orchestrator.toolbox import Toolbox


def list_gates(tools: Toolbox) -> dict[str, tuple[ApprovalGate, GateSource]]:
    """The gate of each service that is configured here, and where it comes from."""
    with tools.store.transaction() as runs:
        stored = runs.approvals.gates()
    return {name: stored.get(name, (tools.catalog.get(name).approval, "config")) for name in tools.catalog.names()}


def put_gate(tools: Toolbox, service: str, gate: ApprovalGate, actor: str) -> None:
    """Set a service's gate from now on, whatever `config.toml` says. Raises UnknownServiceError."""
    tools.catalog.get(service)
    with tools.store.transaction() as runs:
        runs.approvals.put_gate(service, gate, "api", actor)
    _let_open_runs_go_by_it(tools, service, actor)


def hand_back_gate(tools: Toolbox, service: str, actor: str) -> ApprovalGate:
    """From now on `config.toml` says what the gate is, also after its next change. Raises UnknownServiceError."""
    gate = tools.catalog.get(service).approval
    with tools.store.transaction() as runs:
        runs.approvals.put_gate(service, gate, "config", actor)
    _let_open_runs_go_by_it(tools, service, actor)
    return gate


def keep_configured_gates(tools: Toolbox) -> None:
    """At the start of a process: what `config.toml` says is stored, unless the API set something else since."""
    changed: list[str] = []
    with tools.store.transaction() as runs:
        stored = runs.approvals.gates()
        for name in tools.catalog.names():
            wanted = tools.catalog.get(name).approval
            there, source = stored.get(name, (ApprovalGate(), "config"))
            if source == "config" and there != wanted:
                runs.approvals.put_gate(name, wanted, "config", SYSTEM, only_over="config")
                changed.append(name)
    for name in changed:
        _let_open_runs_go_by_it(tools, name, SYSTEM)


def _let_open_runs_go_by_it(tools: Toolbox, service: str, actor: str) -> None:
    """After the gate is committed, one run at a time: whoever is recording by the old gate holds the run's row, so
    that it is waited for; whoever comes later reads the new one."""
    with tools.store.transaction() as runs:
        unended = runs.unended(service)
    for run in unended:
        with tools.store.transaction() as runs:
            held = runs.lock(run)
            if held is not None and held.is_waiting:
                reconsider(tools, runs, held, actor)
