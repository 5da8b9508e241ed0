"""A database full of finished runs, made by bulk SQL: each with its plan, steps, files, approval and record."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

SERVICES = tuple(f"service-{number}" for number in range(8))
RARE = "quicksilver"
"""A word that one run's instruction has, the oldest one's."""
NEWEST = "timestamptz '2026-11-21 12:00:00+00'"

SEED: Mapping[str, str] = {
    "runs": f"""
CREATE TEMP TABLE seed AS SELECT n, gen_random_uuid() AS run, gen_random_uuid() AS plan,
  {NEWEST} - n * interval '1 minute' AS at, 'service-' || n % 8 AS service,
  CASE n % 10 WHEN 3 THEN 'failed' WHEN 6 THEN 'rolled_back' ELSE 'succeeded' END AS status
FROM generate_series(1, %(rows)s) AS n;
INSERT INTO orchestrator_runs (id, kind, status, queue, lock_group, attempt, queued_at, started_at, completed_at,
  due_at, instruction, target_service, requester, plan_id, approval_status, artifact_root, request_digest, progress,
  failure_code, failure_reason, rollback_verified, metrics_snapshot)
SELECT run, 'fix', status, 'q', service, 1, at, at, at + interval '40 seconds', at,
  'fix the missing dependency of ticket ' || n || CASE n WHEN %(rows)s THEN ' {RARE}' ELSE '' END, service,
  'kim', plan, 'granted', 'r', 'd', '{{"touched": true}}',
  CASE status WHEN 'succeeded' THEN NULL ELSE 'verify_failed' END,
  CASE status WHEN 'succeeded' THEN NULL ELSE 'not healthy within 60 s' END,
  CASE status WHEN 'rolled_back' THEN true END, '{{"analyze": 0.2, "build": 12.5}}'
FROM seed""",
    "plans": """
INSERT INTO orchestrator_action_plans (id, run_id, version, steps, edits, changes, service_context, digest,
  generated_at, generated_by)
SELECT plan, run, 2, '[{"name": "analyze", "parameters": {"timeout_seconds": 60}},
  {"name": "patch", "parameters": {"files": ["requirements.txt"]}}, {"name": "build", "parameters": {}},
  {"name": "restart", "parameters": {}}, {"name": "verify", "parameters": {"successes": 3}}]',
  '[]', '[]', jsonb_build_object('service', service), md5(n::text), at, 'system' FROM seed""",
    "steps": """
INSERT INTO spec_workflow_task_states (run_id, step, attempt, task_id, state, message, started_at, finished_at)
SELECT run, step, 1, md5(n::text), 'SUCCESS', 'done', at, at + interval '8 seconds'
FROM seed, unnest(ARRAY['analyze', 'patch', 'build', 'restart', 'verify']) AS step""",
    "files": """
INSERT INTO orchestrator_run_artifacts (run_id, type, path, sha256, size_bytes, created_at)
SELECT run, type, path, md5(n::text) || md5(path), 1000, at FROM seed, (VALUES ('analyze_log', 'analyze.log'),
  ('plan_snapshot', 'plan.json'), ('patch_preview', 'patch_preview.diff'), ('patch_diff', 'patch.diff'),
  ('pre_image', 'pre-images/requirements.txt'), ('build_log', 'build.log'), ('restart_log', 'restart.log'),
  ('verify_log', 'verify.log'), ('metrics', 'metrics.json')) AS file (type, path)""",
    "approvals": """
INSERT INTO approvals (subject_kind, subject_id, approver, role, plan_digest, decision, granted_at, expires_at)
SELECT 'run', run, 'ann', 'approver', md5(n::text), 'approve', at, at + interval '1 hour' FROM seed""",
    "events": """
INSERT INTO run_events (subject_kind, subject_id, sequence, at, actor, kind, payload, previous_hash, hash)
SELECT 'run', run, number, at, 'worker', 'step_finished',
  '{"step": "build", "state": "SUCCESS", "attempt": 1, "message": "done", "skipped": false}',
  md5(n::text) || md5(number::text), md5(n::text) || md5(number::text) FROM seed, generate_series(1, 14) AS number""",
    "heads": """
INSERT INTO event_heads (subject_kind, subject_id, sequence, hash, key_id, signature)
SELECT 'run', run, 14, md5(n::text), 'k', decode(md5(n::text), 'hex') FROM seed""",
}
"""What is filled, in this order. Hashes are of the right length only: lists and details do not look at them."""


def fill(url: str, rows: int) -> None:
    """Fill an empty, migrated database. Foreign keys are not checked again: the rows fit by construction."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET synchronous_commit = off")
        for statements in SEED.values():
            for statement in statements.split(";\n"):
                connection.execute(psycopg.sql.SQL(statement.replace("%(rows)s", str(rows))))  # type: ignore[arg-type]
        connection.execute("VACUUM ANALYZE")


def run_at(url: str, depth: int) -> tuple[str, str]:
    """Time and id of the run that is `depth` runs deep in the list."""
    query = "SELECT queued_at::text, id::text FROM orchestrator_runs ORDER BY queued_at DESC, id DESC OFFSET %s LIMIT 1"
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        row = connection.execute(query, (depth,)).fetchone()
    assert row is not None
    return row[0], row[1]
