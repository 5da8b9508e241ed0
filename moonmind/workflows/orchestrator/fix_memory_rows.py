"""The memory of fixes: what was done about which failure, and whether that repaired it. In the caller's transaction.

A row is written when a plan is made, and settled once. Order within a later round: `settle_round`, then `note_fix`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from api_service.db.fix_memory import OrchestratorFix
from moonmind.schemas.workflow_models import Edit, Finding, GeneratedBy
from moonmind.workflows.orchestrator.fingerprints import Tried, count, fingerprint, remedy_of
from moonmind.workflows.orchestrator.planners import Remembered

NEWEST = 50
"""Times that are looked at: a remedy that stopped working is forgotten by and by."""

Outcome = Literal["repaired", "not_repaired"]


def note_fix(
    connection: Connection,
    run: UUID,
    number: int,
    service: str,
    findings: Sequence[Finding],
    edits: Sequence[Edit],
    planner: GeneratedBy,
) -> None:
    """Remember what the plan of round `number` does about its findings: once for each of them, however often it is
    called. An analysis that is done again replaces what it noted before."""
    remedy = remedy_of(edits)
    rows = {
        fingerprint(finding): {
            "run_id": run,
            "round": number,
            "service": service,
            "kind": finding.kind,
            "subject": finding.subject,
            "remedy": remedy,
            "planner": planner,
        }
        for finding in findings
    }
    if not rows or not remedy:
        return
    f = OrchestratorFix
    added = upsert(f).values([{**row, "fingerprint": key} for key, row in rows.items()])
    newer = {"remedy": added.excluded.remedy, "planner": added.excluded.planner}
    connection.execute(
        added.on_conflict_do_update(
            index_elements=["run_id", "round", "fingerprint"], set_=newer, where=f.outcome.is_(None)
        )
    )


def settle_round(connection: Connection, run: UUID, still_seen: Collection[str]) -> None:
    """A later round of the run has looked again: what it sees no more is repaired, what it still sees is not."""
    f = OrchestratorFix
    _settle(connection, run, "repaired", f.fingerprint.not_in(list(still_seen)))
    _settle(connection, run, "not_repaired", f.fingerprint.in_(list(still_seen)))


def settle_end(connection: Connection, run: UUID, outcome: Outcome | None) -> None:
    """The run is over: what is open gets this outcome. None: nothing was tried (rejected, cancelled before patch), so
    that nothing was learnt; such rows count nowhere."""
    if outcome is not None:
        _settle(connection, run, outcome)


def remembered(connection: Connection, key: str) -> list[Remembered]:
    """What was done about the failure of this fingerprint, of any service, the newest remedy first."""
    f = OrchestratorFix
    settled = select(f.run_id, f.remedy, f.outcome).where(f.fingerprint == key, f.outcome.is_not(None))
    rows = connection.execute(settled.order_by(f.settled_at.desc(), f.id.desc()).limit(NEWEST))
    return count([Tried(row.run_id, row.remedy, row.outcome == "repaired") for row in rows])


def _settle(connection: Connection, run: UUID, outcome: Outcome, *which: Any) -> None:
    f = OrchestratorFix
    still_open = update(f).where(f.run_id == run, f.outcome.is_(None), *which)
    connection.execute(still_open.values(outcome=outcome, settled_at=func.now()))
