"""Add orchestrator tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "f5aa56495feb"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_api_keys_secret_hash")),
    )
    op.create_table(
        "approval_gates",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("requirement", sa.Text(), nullable=False),
        sa.Column("approver_roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("required_approvals", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("valid_minutes", sa.Integer(), server_default=sa.text("60"), nullable=False),
        sa.Column("self_approval", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "requirement IN ('none', 'pre-run', 'pre-verify')", name=op.f("ck_approval_gates_requirement")
        ),
        sa.CheckConstraint("required_approvals >= 1", name=op.f("ck_approval_gates_required_approvals")),
        sa.CheckConstraint("valid_minutes >= 5", name=op.f("ck_approval_gates_valid_minutes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_gates")),
        sa.UniqueConstraint("service", name=op.f("uq_approval_gates_service")),
    )
    op.create_table(
        "approvals",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("approver", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("plan_digest", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("decision IN ('approve', 'reject')", name=op.f("ck_approvals_decision")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
        sa.UniqueConstraint(
            "subject_kind",
            "subject_id",
            "plan_digest",
            "approver",
            name=op.f("uq_approvals_subject_kind_subject_id_plan_digest_approver"),
        ),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("tasks", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_table(
        "run_events",
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subject_kind", "subject_id", "sequence", name=op.f("pk_run_events")),
    )
    op.create_table(
        "orchestrator_runs",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("instruction", sa.Text(), nullable=False),
        sa.Column("target_service", sa.Text(), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=True),
        sa.Column("approval_gate_id", sa.Uuid(), nullable=True),
        sa.Column("approval_status", sa.Text(), server_default="not_required", nullable=False),
        sa.Column("artifact_root", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("request_digest", sa.Text(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("progress", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("failure_code", sa.Text(), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("rollback_verified", sa.Boolean(), nullable=True),
        sa.Column("retried_from", sa.Uuid(), nullable=True),
        sa.Column(
            "metrics_snapshot", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("lock_group", sa.Text(), nullable=False),
        sa.Column("holds_lock", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("next_step", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("woken_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("queued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "approval_status IN ('not_required', 'awaiting', 'granted', 'rejected', 'expired')",
            name=op.f("ck_orchestrator_runs_approval_status"),
        ),
        sa.CheckConstraint("kind IN ('fix', 'rebuild', 'deploy')", name=op.f("ck_orchestrator_runs_kind")),
        sa.CheckConstraint(
            "next_step IN ('analyze', 'patch', 'build', 'restart', 'verify', 'rollback')",
            name=op.f("ck_orchestrator_runs_next_step"),
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'awaiting_approval', 'succeeded', 'failed', 'rolled_back', 'cancelled')",
            name=op.f("ck_orchestrator_runs_status"),
        ),
        sa.CheckConstraint(
            "(completed_at IS NOT NULL) = (next_step IS NULL)", name=op.f("ck_orchestrator_runs_terminal")
        ),
        sa.CheckConstraint("NOT holds_lock OR completed_at IS NULL", name=op.f("ck_orchestrator_runs_lock")),
        sa.ForeignKeyConstraint(
            ["approval_gate_id"], ["approval_gates.id"], name=op.f("fk_orchestrator_runs_approval_gate_id")
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"],
            ["orchestrator_action_plans.id"],
            name=op.f("fk_orchestrator_runs_plan_id"),
            initially="DEFERRED",
            deferrable=True,
            use_alter=True,
        ),
        sa.ForeignKeyConstraint(
            ["retried_from"], ["orchestrator_runs.id"], name=op.f("fk_orchestrator_runs_retried_from")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orchestrator_runs")),
        sa.UniqueConstraint(
            "requester", "idempotency_key", name=op.f("uq_orchestrator_runs_requester_idempotency_key")
        ),
    )
    op.create_index("ix_orchestrator_runs_newest", "orchestrator_runs", ["queued_at", "id"], unique=False)
    op.create_index(
        "ix_orchestrator_runs_open",
        "orchestrator_runs",
        ["lock_group", "queued_at"],
        unique=False,
        postgresql_where=sa.text("completed_at IS NULL"),
    )
    op.create_index(
        "ix_orchestrator_runs_service", "orchestrator_runs", ["target_service", "queued_at", "id"], unique=False
    )
    op.create_index(
        "uq_orchestrator_runs_active",
        "orchestrator_runs",
        ["lock_group"],
        unique=True,
        postgresql_where=sa.text("holds_lock"),
    )
    op.create_table(
        "orchestrator_action_plans",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("steps", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("edits", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("service_context", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("generated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("generated_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "generated_by IN ('operator', 'system', 'llm')", name=op.f("ck_orchestrator_action_plans_generated_by")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["orchestrator_runs.id"], name=op.f("fk_orchestrator_action_plans_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orchestrator_action_plans")),
        sa.UniqueConstraint("run_id", "version", name=op.f("uq_orchestrator_action_plans_run_id_version")),
    )
    op.create_table(
        "orchestrator_run_artifacts",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "type IN ('patch_diff', 'build_log', 'verify_log', 'rollback_log', "
            "'metrics', 'plan_snapshot', 'analyze_log', 'restart_log', 'patch_preview', 'pre_image')",
            name=op.f("ck_orchestrator_run_artifacts_type"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["orchestrator_runs.id"], name=op.f("fk_orchestrator_run_artifacts_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orchestrator_run_artifacts")),
        sa.UniqueConstraint("run_id", "path", name=op.f("uq_orchestrator_run_artifacts_run_id_path")),
    )
    op.create_table(
        "spec_workflow_task_states",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("skipped", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column(
            "artifact_ids", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state <> 'FAILURE' OR message IS NOT NULL", name=op.f("ck_spec_workflow_task_states_failure_says_why")
        ),
        sa.CheckConstraint(
            "state IN ('PENDING', 'STARTED', 'RETRY', 'SUCCESS', 'FAILURE')",
            name=op.f("ck_spec_workflow_task_states_state"),
        ),
        sa.CheckConstraint(
            "step IN ('analyze', 'patch', 'build', 'restart', 'verify', 'rollback')",
            name=op.f("ck_spec_workflow_task_states_step"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["orchestrator_runs.id"], name=op.f("fk_spec_workflow_task_states_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spec_workflow_task_states")),
        sa.UniqueConstraint("run_id", "step", "attempt", name=op.f("uq_spec_workflow_task_states_run_id_step_attempt")),
    )

    # The two tables refer to each other: the run to its plan in force, the plan to its run.
    op.create_foreign_key(
        op.f("fk_orchestrator_runs_plan_id"),
        "orchestrator_runs",
        "orchestrator_action_plans",
        ["plan_id"],
        ["id"],
        deferrable=True,
        initially="DEFERRED",
    )


def downgrade() -> None:
    op.drop_constraint(op.f("fk_orchestrator_runs_plan_id"), "orchestrator_runs", type_="foreignkey")

    op.drop_table("spec_workflow_task_states")
    op.drop_table("orchestrator_run_artifacts")
    op.drop_table("orchestrator_action_plans")
    op.drop_index("uq_orchestrator_runs_active", table_name="orchestrator_runs", postgresql_where=sa.text("holds_lock"))
    op.drop_index("ix_orchestrator_runs_service", table_name="orchestrator_runs")
    op.drop_index(
        "ix_orchestrator_runs_open", table_name="orchestrator_runs", postgresql_where=sa.text("completed_at IS NULL")
    )
    op.drop_index("ix_orchestrator_runs_newest", table_name="orchestrator_runs")
    op.drop_table("orchestrator_runs")
    op.drop_table("run_events")
    op.drop_table("outbox")
    op.drop_table("approvals")
    op.drop_table("approval_gates")
    op.drop_table("api_keys")
