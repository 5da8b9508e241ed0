"""A small, complete bundle made by hand, so that each part of it can be changed before it is signed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from moonmind.engine.events import FIRST_PREVIOUS, Event, Head, event_hash, head_bytes
from moonmind.evidence.keys import SigningKey
from moonmind.evidence.plan_digest import digest_of_plan
from moonmind.evidence.shapes import APPROVALS, ARTIFACTS, EVENTS, HEAD, PLANS, RUN, STEPS
from moonmind.evidence.writer import Export, FileToBundle, json_part, lines_part, write_bundle
from moonmind.schemas.workflow_models import RunStatus
from tests.fakes.keys import HOUSE_KEY

RUN_ID = UUID(int=7)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BEFORE, AFTER = b"flask>=3\n", b"flask>=3\npython-dateutil\n"
DIFF = b"--- a/requirements.txt\n+++ b/requirements.txt\n@@ -1 +1,2 @@\n flask>=3\n+python-dateutil\n"
Row = dict[str, Any]
Edit = Callable[["Case"], None]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def number(kind: int, which: int = 1) -> UUID:
    return UUID(int=kind * 1000 + which)


@dataclass
class Case:
    """A run of five events that one person approved. Change rows, then `bundle()`."""

    key: SigningKey = HOUSE_KEY
    head_key: SigningKey = HOUSE_KEY
    run: Row = field(default_factory=lambda: _run())
    plans: list[Row] = field(default_factory=lambda: [_plan(1, [], []), _plan(2, [EDIT], [CHANGE])])
    steps: list[Row] = field(default_factory=lambda: [_step("analyze"), _step("patch")])
    approvals: list[Row] = field(default_factory=lambda: [_approval()])
    files: list[tuple[str, str, bytes]] = field(
        default_factory=lambda: [
            ("patch_preview", "patch_preview.diff", DIFF),
            ("patch_diff", "patch.diff", b"looked at it\n" + DIFF),
            ("pre_image", "pre-images/requirements.txt", BEFORE),
        ]
    )
    said: list[tuple[str, str, Row]] = field(default_factory=lambda: _events())
    events: list[Row] = field(default_factory=list)
    head: Row | None = None

    def __post_init__(self) -> None:
        self.chain()

    def chain(self) -> None:
        """Number, hash and sign what was said."""
        self.events, previous = [], FIRST_PREVIOUS
        for sequence, (actor, kind, payload) in enumerate(self.said, start=1):
            at = NOON + timedelta(seconds=sequence)
            made = event_hash(previous, Event("run", RUN_ID, sequence, at, actor, kind, payload))
            row = {"sequence": sequence, "at": at, "actor": actor, "kind": kind, "payload": payload}
            self.events.append({**row, "previous_hash": previous, "hash": made})
            previous = made
        self.sign(len(self.events), previous)

    def sign(self, sequence: int, last: str) -> None:
        head = Head("run", RUN_ID, sequence, last, self.head_key.key_id)
        signature = self.head_key.sign(head_bytes(head)).hex()
        said = {"subject_kind": "run", "subject_id": RUN_ID, "sequence": sequence, "hash": last}
        self.head = {**said, "key_id": head.key_id, "signature": signature}

    def artifacts(self) -> list[Row]:
        return [
            {"artifact_id": number(6, at), "type": kind, "path": path, "checksum": sha(data), "size_bytes": len(data)}
            | {"created_at": NOON}
            for at, (kind, path, data) in enumerate(self.files, start=1)
        ]

    def parts(self) -> dict[str, bytes]:
        rows = {PLANS: self.plans, STEPS: self.steps, APPROVALS: self.approvals, EVENTS: self.events}
        listed = {name: lines_part(values) for name, values in {**rows, ARTIFACTS: self.artifacts()}.items()}
        return {RUN: json_part(self.run), HEAD: json_part(self.head), **listed}

    def to_bundle(self) -> list[FileToBundle]:
        return [
            FileToBundle(number(6, at), path, len(data), None, is_left_out=True, reason="a pre-image may hold secrets")
            if kind == "pre_image"
            else FileToBundle(number(6, at), path, len(data), [data])
            for at, (kind, path, data) in enumerate(self.files, start=1)
        ]

    def bundle(self) -> bytes:
        export = Export(RUN_ID, RunStatus(self.run["status"]), NOON, "vic")
        return b"".join(write_bundle(export, self.parts(), self.to_bundle(), self.key))


EDIT = {
    "kind": "requirement_add",
    "file": "requirements.txt",
    "name": "python-dateutil",
    "version": None,
    "reason": "x",
}
CHANGE = {"path": "requirements.txt", "before_sha256": sha(BEFORE), "after_sha256": sha(AFTER)}
PLAN_STEPS = [{"name": "analyze", "parameters": {}}, {"name": "patch", "parameters": {"files": ["requirements.txt"]}}]
CONTEXT = {"service": "shop", "runtime": "process", "allow": ["requirements.txt"]}


def _plan(version: int, edits: list[Row], changes: list[Row]) -> Row:
    said = {"service_context": CONTEXT, "steps": PLAN_STEPS, "edits": edits, "changes": changes}
    digest = digest_of_plan(CONTEXT, edits, changes, PLAN_STEPS)
    about = {"plan_id": number(2, version), "version": version, "generated_at": NOON, "generated_by": "system"}
    return {**about, **said, "digest": digest}


PLAN_DIGEST = _plan(2, [EDIT], [CHANGE])["digest"]


def _run() -> Row:
    return {
        "run_id": RUN_ID,
        "status": "succeeded",
        "target_service": "shop",
        "instruction": "fix it",
        "priority": "normal",
        "dry_run": False,
        "requested_by": "kim",
        "queued_at": NOON,
        "started_at": NOON,
        "completed_at": NOON,
        "approval_required": True,
        "approval_status": "granted",
        "current_step": None,
        "failure": None,
        "rollback_verified": None,
        "retried_from": None,
    }


def _step(name: str) -> Row:
    about = {"name": name, "status": "succeeded", "attempt": 1, "started_at": NOON, "completed_at": NOON}
    return {**about, "worker_task_id": None, "message": "done", "artifact_refs": []}


def _approval() -> Row:
    about = {"approval_id": number(5), "approver": "ann", "role": "approver", "decision": "approve"}
    times = {"granted_at": NOON, "expires_at": NOON, "revoked_at": None}
    return {**about, **times, "plan_digest": PLAN_DIGEST, "comment": "yes"}


def _events() -> list[tuple[str, str, Row]]:
    done = {"state": "SUCCESS", "message": "done", "skipped": False}
    return [
        ("kim", "run_created", {"service": "shop", "instruction": "fix it"}),
        ("worker", "step_started", {"step": "analyze", "attempt": 1, "epoch": 1}),
        ("worker", "plan_made", {"version": 2, "digest": PLAN_DIGEST}),
        ("worker", "step_finished", {"step": "analyze", "attempt": 1, **done}),
        ("ann", "approval_given", {"role": "approver", "plan_digest": PLAN_DIGEST, "comment": "yes"}),
        ("worker", "step_started", {"step": "patch", "attempt": 1, "epoch": 2}),
        ("worker", "step_finished", {"step": "patch", "attempt": 1, **done}),
        ("worker", "run_finished", {"status": "succeeded", "failure": None}),
    ]
