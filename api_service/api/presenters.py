"""Rows in their API form, where that needs the app: signed addresses, profiles beside their runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from api_service.api.context import Context
from moonmind.schemas.approvals import ApprovalGate, GateSource
from moonmind.workflows.orchestrator.serializers import run_artifact
from moonmind.workflows.orchestrator.service_profiles import ServiceCatalog

Row = Mapping[str, Any]


def present_artifacts(context: Context, run: UUID, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """RunArtifacts with addresses that open without a key until `expires_at`."""
    expires = datetime.now(UTC) + timedelta(seconds=context.settings.api.download_ttl)
    return [
        {**run_artifact(row), "download_url": content_url(context, run, row["id"]), "expires_at": expires}
        for row in rows
    ]


def content_url(context: Context, run: UUID, artifact: UUID) -> str:
    """The signed path of an artifact's bytes."""
    return f"/orchestrator/runs/{run}/artifacts/{artifact}/content?token={context.addresses.sign(f'{run}/{artifact}')}"


def present_gate(service: str, gate: ApprovalGate, source: GateSource) -> dict[str, Any]:
    """GateView."""
    return {"service": service, **gate.model_dump(), "source": source}


def present_services(
    catalog: ServiceCatalog,
    gates: Mapping[str, ApprovalGate],
    last_runs: Mapping[str, Row],
    holders: Mapping[str, UUID],
) -> list[dict[str, Any]]:
    """ServiceViews, by name."""
    views = []
    for name in catalog.names():
        profile, last = catalog.get(name), last_runs.get(name)
        group = profile.lock_group or name
        views.append(
            {
                "name": name,
                "runtime": profile.runtime,
                "allow": list(profile.allow),
                "approval": gates[name].requirement,
                "lock_group": group,
                "active_run": holders.get(group),
                "last_run": {"run_id": last["id"], "status": last["status"], "queued_at": last["queued_at"]}
                if last
                else None,
            }
        )
    return views
