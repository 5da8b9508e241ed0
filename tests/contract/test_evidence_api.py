"""Evidence over HTTP: one signed file that stands on its own, of runs with whatever happened to them."""

from __future__ import annotations

import io
import json
import tarfile
import uuid
from collections.abc import Callable

from fastapi.testclient import TestClient
from sqlalchemy import text

from moonmind.evidence.keys import PublicKey
from moonmind.evidence.report import Report
from moonmind.evidence.verify import Trust, verify_bundle
from moonmind.workflows.orchestrator import read_models
from moonmind.workflows.orchestrator.evidence import bundle_of
from tests.support.front import RUNS, Front

Protected = Callable[..., Front]


def export(front: Front, run: str, who: str = "vic") -> bytes:
    answer = front.call(who, "GET", f"{RUNS}/{run}/evidence")
    assert answer.status_code == 200, answer.text
    return answer.content


def trusted(front: Front) -> Trust:
    return Trust((front.house.tools.signer.public,))


def verify(front: Front, run: str) -> Report:
    return verify_bundle(io.BytesIO(export(front, run)), trusted(front))


def members(bundle: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(bundle)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def succeeded(front: Front) -> str:
    """Approved by Ann, taken back, approved again."""
    run = front.waiting()
    assert front.answer("ann", run, comment="looks good").status_code == 200
    front.house.deliver()
    assert front.detail(run)["status"] == "succeeded"
    return run


def test_a_run_with_an_approval_is_told_by_one_file(protected: Protected) -> None:
    front = protected()
    run = succeeded(front)
    answer = front.call("vic", "GET", f"{RUNS}/{run}/evidence")
    assert answer.headers["Content-Type"] == "application/x-tar"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="run-{run}.evidence.tar"'
    report = verify_bundle(io.BytesIO(answer.content), trusted(front))
    assert (report.findings, report.ok) == ([], True)
    parts = members(answer.content)
    manifest = json.loads(parts["manifest.json"])
    assert (manifest["run_id"], manifest["status"], manifest["is_over"]) == (run, "succeeded", True)
    assert manifest["exported_by"] == "vic"
    assert json.loads(parts["run.json"])["instruction"] == "fix the missing dependency"
    assert [json.loads(line)["approver"] for line in parts["approvals.jsonl"].splitlines()] == ["ann"]
    names = {name.split("-", 1)[1] for name in parts if name.startswith("files/")}
    assert {"plan.json", "patch_preview.diff", "patch.diff", "build.log", "verify.log", "metrics.json"} <= names
    titles = [check.title for check in report.checks]
    assert titles == [
        *("signature", "parts", "subject", "record", "head", "run", "plan", "steps", "approvals", "files", "change")
    ]


def test_pre_images_are_in_it_by_checksum_only(protected: Protected) -> None:
    front = protected()
    run = succeeded(front)
    bundle = export(front, run)
    (entry,) = [e for e in json.loads(members(bundle)["manifest.json"])["files"] if e["state"] == "left_out"]
    assert (entry["path"], entry["name"]) == ("pre-images/requirements.txt", None)
    rows = [json.loads(line) for line in members(bundle)["artifacts.jsonl"].splitlines()]
    (row,) = [row for row in rows if row["type"] == "pre_image"]
    (change,) = json.loads(members(bundle)["plans.jsonl"].splitlines()[-1])["changes"]
    assert row["checksum"] == change["before_sha256"]
    report = verify_bundle(io.BytesIO(bundle), trusted(front))
    assert any("pre-images/requirements.txt is left out" in note for check in report.checks for note in check.notes)


def test_a_run_that_waits_is_exported_as_it_is(protected: Protected) -> None:
    front = protected()
    run = front.waiting()
    assert front.call("kim", "POST", f"{RUNS}/{run}/approval-tokens", {}).status_code == 403
    bundle = export(front, run)
    report = verify_bundle(io.BytesIO(bundle), trusted(front))
    assert (report.findings, report.ok) == ([], True)
    manifest = json.loads(members(bundle)["manifest.json"])
    assert (manifest["status"], manifest["is_over"]) == ("awaiting_approval", False)
    assert any("had not ended" in note for check in report.checks for note in check.notes)


def test_every_way_to_end_is_verified(protected: Protected) -> None:
    front = protected(required_approvals=1)
    rejected = front.waiting()
    front.answer("ann", rejected, decision="reject", comment="no")
    cancelled = front.waiting()
    front.call("kim", "POST", f"{RUNS}/{cancelled}/cancel", {})
    front.house.deliver()
    dry = front.create(dry_run=True)
    front.house.runtime.works = lambda text: False
    undone = front.waiting()
    front.answer("ann", undone)
    front.house.deliver()
    ends = {run: front.detail(run)["status"] for run in (rejected, cancelled, dry, undone)}
    assert list(ends.values()) == ["failed", "cancelled", "succeeded", "rolled_back"]
    for run in ends:
        assert (verify(front, run).findings, ends[run]) == ([], ends[run])


def test_answers_that_were_taken_back_and_taken_over_are_verified(protected: Protected) -> None:
    front = protected(required_approvals=2)
    run = front.waiting()
    front.answer("ann", run)
    (approval,) = front.detail(run)["approvals"]
    assert front.call("ann", "DELETE", f"{RUNS}/{run}/approvals/{approval['approval_id']}").status_code == 200
    front.answer("ann", run, comment="after all")
    front.answer("ben", run)
    front.house.runtime.works = lambda text: False
    front.house.deliver()
    assert verify(front, run).findings == []
    again = front.call("kim", "POST", f"{RUNS}/{run}/retry", {"resume_from_step": "patch"}).json()["run_id"]
    assert [event["actor"] for event in front.house.events(uuid.UUID(again), "approval_taken_over")] == ["ann", "ben"]
    front.house.deliver()
    assert front.detail(again)["status"] == "rolled_back"
    assert verify(front, again).findings == []


def test_the_word_on_a_dry_run_is_verified(protected: Protected) -> None:
    front = protected()
    dry = front.create(dry_run=True)
    run = front.create(approval_token=front.token("ann", dry))
    assert front.detail(run)["status"] == "succeeded"
    assert verify(front, run).findings == []


def test_a_file_that_is_gone_or_changed_is_named(protected: Protected) -> None:
    front = protected()
    run = succeeded(front)
    folder = front.house.home / "var" / "artifacts" / "spec_workflows" / run
    (folder / "build.log").unlink()
    (folder / "verify.log").write_bytes(b"#" * (folder / "verify.log").stat().st_size)
    (folder / "analyze.log").write_bytes(b"short")
    with (folder / "restart.log").open("ab") as log:
        log.write(b"a worker that was given up says something")
    bundle = export(front, run)
    states = {e["path"]: e["state"] for e in json.loads(members(bundle)["manifest.json"])["files"]}
    assert (states["build.log"], states["analyze.log"], states["restart.log"]) == ("missing", "missing", "included")
    report = verify_bundle(io.BytesIO(bundle), trusted(front))
    assert report.findings == [
        "analyze.log was missing when the bundle was made: it is shorter than the run recorded",
        "build.log was missing when the bundle was made: it is not in the artifact folder",
        "verify.log is not the file that the run recorded",
    ]


TAMPERED = {
    "UPDATE orchestrator_runs SET status = 'failed', failure_code = 'x' WHERE id = :run": "its record says it ended",
    "UPDATE orchestrator_runs SET failure_code = 'x' WHERE id = :run": "succeeded, and failed",
    "UPDATE orchestrator_runs SET instruction = 'something else' WHERE id = :run": "the run's instruction",
    "UPDATE orchestrator_runs SET requester = 'ann' WHERE id = :run": "the run says ann asked for it",
    "UPDATE orchestrator_runs SET status = 'running', completed_at = NULL, next_step = 'verify' WHERE id = :run": (
        "its record says it has ended"
    ),
    "UPDATE approvals SET approver = 'ben' WHERE subject_id = :run": "the record says ann",
    "UPDATE approvals SET comment = 'I had doubts' WHERE subject_id = :run": "ann's comment",
    "UPDATE approvals SET decision = 'reject' WHERE subject_id = :run": "is here with reject",
    "UPDATE approvals SET plan_digest = 'other' WHERE subject_id = :run": "which this run never had",
    "DELETE FROM approvals WHERE subject_id = :run": "that answer is not here",
    "UPDATE orchestrator_action_plans SET edits = '[]' WHERE run_id = :run AND version = 2": "its digest was made",
    "UPDATE orchestrator_action_plans SET digest = 'x' WHERE run_id = :run AND version = 2": "tells of version 2",
    "DELETE FROM orchestrator_action_plans WHERE run_id = :run AND version = 1": "begins with version 2",
    "UPDATE spec_workflow_task_states SET state = 'FAILURE', message = 'x' WHERE run_id = :run AND step = 'build'": (
        "the record says succeeded"
    ),
    "UPDATE spec_workflow_task_states SET message = 'x' WHERE run_id = :run": "something else than the record",
    "DELETE FROM spec_workflow_task_states WHERE run_id = :run AND step = 'build'": "which is not here",
    "UPDATE run_events SET payload = '{}' WHERE subject_id = :run AND kind = 'approval_given'": "what was hashed",
    "UPDATE run_events SET at = at - interval '1 hour' WHERE subject_id = :run": "what was hashed",
    "DELETE FROM run_events WHERE subject_id = :run AND kind = 'approval_given'": "events are missing",
    "DELETE FROM run_events WHERE subject_id = :run AND kind = 'run_finished'": "this record ends with",
    "DELETE FROM event_heads WHERE subject_id = :run": "nobody signed",
    "UPDATE event_heads SET sequence = sequence - 1 WHERE subject_id = :run": "the head's signature is wrong",
    "DELETE FROM orchestrator_run_artifacts WHERE run_id = :run AND type = 'patch_diff'": "no diff of the patch",
    "UPDATE orchestrator_run_artifacts SET sha256 = 'x' WHERE run_id = :run AND type = 'pre_image'": "the plan was",
}
"""What somebody does who owns the database, and the finding that names it."""


def test_what_an_owner_of_the_database_changes_is_found(protected: Protected) -> None:
    front = protected()
    run = succeeded(front)
    for change, finding in TAMPERED.items():
        with front.house.database.connect() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            assert connection.execute(text(change), {"run": run}).rowcount
            rows = read_models.find_evidence(connection, uuid.UUID(run))
            connection.rollback()
        assert rows is not None
        bundle = b"".join(bundle_of(front.house.tools, rows, "vic"))
        findings = verify_bundle(io.BytesIO(bundle), trusted(front)).findings
        assert any(finding in found for found in findings), (change, findings)
    assert verify(front, run).ok


def test_the_key_is_shown_to_whoever_may_look(protected: Protected) -> None:
    front = protected()
    answer = front.call("vic", "GET", "/orchestrator/evidence-key").json()
    assert answer["key_id"] == PublicKey.from_pem(answer["public_key"].encode()).key_id
    assert (front.house.home / "var" / "evidence.pub").read_text() == answer["public_key"]
    assert (front.house.home / "var" / "evidence.key").stat().st_mode & 0o777 == 0o600


def test_evidence_needs_a_key_and_a_run(client: TestClient, stranger: TestClient) -> None:
    missing = client.get(f"{RUNS}/{uuid.uuid4()}/evidence")
    assert (missing.status_code, missing.json()["error"]) == (404, "run_not_found")
    del stranger.headers["Authorization"]
    for path in (f"{RUNS}/{uuid.uuid4()}/evidence", "/orchestrator/evidence-key"):
        assert stranger.get(path).status_code == 401
