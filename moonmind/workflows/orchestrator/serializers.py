"""Rows as the API and the pages show them: the field names of the contract. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from moonmind.schemas.workflow_models import FORWARD_STEPS, PRIORITY_NAMES, RunStatus, StepName, StepStatus, TaskState
from moonmind.workflows.orchestrator.gates import agreed, counted, gate_of, given_in

Row = Mapping[str, Any]

STEP_STATUS: Mapping[str, StepStatus] = {
    TaskState.PENDING: StepStatus.PENDING,
    TaskState.STARTED: StepStatus.IN_PROGRESS,
    TaskState.RETRY: StepStatus.IN_PROGRESS,
    TaskState.SUCCESS: StepStatus.SUCCEEDED,
    TaskState.FAILURE: StepStatus.FAILED,
}


def run_summary(run: Row) -> dict[str, Any]:
    """RunSummary."""
    failure = {"code": run["failure_code"], "reason": run["failure_reason"]} if run["failure_code"] else None
    return {
        "run_id": run["id"],
        "status": run["status"],
        "target_service": run["target_service"],
        "instruction": run["instruction"],
        "priority": PRIORITY_NAMES[run["priority"]],
        "dry_run": run["dry_run"],
        "requested_by": run["requester"],
        "queued_at": run["queued_at"],
        "started_at": run["started_at"],
        "completed_at": run["completed_at"],
        "approval_required": run["approval_status"] != "not_required",
        "approval_status": run["approval_status"],
        "current_step": run["next_step"],
        "failure": failure,
        "rollback_verified": run["rollback_verified"],
        "retried_from": run["retried_from"],
    }


def run_detail(
    run: Row,
    plan: Row | None,
    steps: Sequence[Row],
    artifacts: Sequence[Row],
    approvals: Sequence[Row],
    gate: Row | None,
    now: datetime,
) -> dict[str, Any]:
    """RunDetail at `now` by the database's clock; `artifacts` are already in their API form. `gate`: the service's, at
    which a waiting run waits."""
    waits = run["status"] == RunStatus.AWAITING_APPROVAL
    return {
        **run_summary(run),
        "action_plan": _plan(plan) if plan else None,
        "steps": [step_state(step) for step in sorted(steps, key=_canonical)],
        "artifacts": list(artifacts),
        "approvals": [run_approval(approval) for approval in approvals],
        "awaiting": _awaiting(run, plan, approvals, gate, now) if gate and waits else None,
        "metrics": run["metrics_snapshot"],
    }


def run_artifact(artifact: Row) -> dict[str, Any]:
    """RunArtifact, without its address."""
    return {
        "artifact_id": artifact["id"],
        "type": artifact["type"],
        "path": artifact["path"],
        "checksum": artifact["sha256"],
        "size_bytes": artifact["size_bytes"],
        "created_at": artifact["created_at"],
    }


def run_approval(approval: Row) -> dict[str, Any]:
    """One person's answer."""
    said = ("approver", "role", "decision", "plan_digest", "comment", "granted_at", "expires_at", "revoked_at")
    return {"approval_id": approval["id"], **{name: approval[name] for name in said}}


def run_plan_version(plan: Row) -> dict[str, Any]:
    """A plan with all that its digest is made from."""
    return {**_plan(plan), **{name: plan[name] for name in ("edits", "changes", "service_context")}}


def run_event(event: Row) -> dict[str, Any]:
    """An event of a run's record."""
    return {name: event[name] for name in ("sequence", "at", "actor", "kind", "payload", "previous_hash", "hash")}


def record_head(head: Row) -> dict[str, Any]:
    """How far a record goes; the signature in hex."""
    said = ("subject_kind", "subject_id", "sequence", "hash", "key_id")
    return {**{name: head[name] for name in said}, "signature": head["signature"].hex()}


def step_state(step: Row) -> dict[str, Any]:
    """One attempt of one step."""
    return {
        "name": step["step"],
        "status": StepStatus.SKIPPED if step["skipped"] else STEP_STATUS[step["state"]],
        "attempt": step["attempt"],
        "started_at": step["started_at"],
        "completed_at": step["finished_at"],
        "worker_task_id": step["task_id"],
        "message": step["message"],
        "artifact_refs": step["artifact_ids"],
    }


def _awaiting(run: Row, plan: Row | None, approvals: Sequence[Row], gate: Row, now: datetime) -> dict[str, Any]:
    """Whose word a waiting run wants, until when, and who agreed so far: as the gate itself counts."""
    asked = ("requirement", "approver_roles", "required_approvals", "self_approval")
    answers = counted(gate_of(gate), given_in(approvals, now), plan["digest"], run["requester"]) if plan else []
    until = run["approval_expires_at"]
    return {**{name: gate[name] for name in asked}, "expires_at": until, "agreed": agreed(answers)}


def _plan(plan: Row) -> dict[str, Any]:
    return {
        "plan_id": plan["id"],
        "version": plan["version"],
        "digest": plan["digest"],
        "generated_at": plan["generated_at"],
        "generated_by": plan["generated_by"],
        "steps": plan["steps"],
    }


def _canonical(step: Row) -> tuple[int, int]:
    order = (*FORWARD_STEPS, StepName.ROLLBACK)
    return order.index(StepName(step["step"])), step["attempt"]
