"""Add what approvals and retries need."""

import sqlalchemy as sa
from alembic import op

revision = "b1c6a83d70f2"
down_revision = "f5aa56495feb"
branch_labels = None
depends_on = None

STEPS = "'analyze', 'patch', 'build', 'restart', 'verify', 'rollback'"


def upgrade() -> None:
    op.alter_column("orchestrator_runs", "woken_at", new_column_name="due_at")
    op.add_column("orchestrator_runs", sa.Column("approval_expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("orchestrator_runs", sa.Column("start_step", sa.Text(), server_default="analyze", nullable=False))
    op.create_check_constraint(op.f("ck_orchestrator_runs_start_step"), "orchestrator_runs", f"start_step IN ({STEPS})")
    op.add_column("approval_gates", sa.Column("source", sa.Text(), server_default="api", nullable=False))
    op.create_check_constraint(op.f("ck_approval_gates_source"), "approval_gates", "source IN ('config', 'api')")
    op.drop_constraint(op.f("uq_approvals_subject_kind_subject_id_plan_digest_approver"), "approvals", type_="unique")
    op.create_index(
        "uq_approvals_standing",
        "approvals",
        ["subject_kind", "subject_id", "plan_digest", sa.text("lower(approver)")],
        unique=True,
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_table(
        "approval_tokens",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("approver", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("plan_digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_tokens")),
    )
    op.add_column(
        "spec_workflow_task_states",
        sa.Column("interrupted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )


def downgrade() -> None:
    waiting = op.get_bind().execute(
        sa.text("SELECT count(*) FROM orchestrator_runs WHERE status = 'awaiting_approval'")
    )
    if count := waiting.scalar_one():
        raise RuntimeError(
            f"{count} runs wait for approval, which the release before would never end: answer or cancel them"
        )
    op.drop_column("spec_workflow_task_states", "interrupted")
    op.drop_table("approval_tokens")
    op.drop_index("uq_approvals_standing", table_name="approvals")
    op.execute("DELETE FROM approvals WHERE revoked_at IS NOT NULL")
    op.create_unique_constraint(
        op.f("uq_approvals_subject_kind_subject_id_plan_digest_approver"),
        "approvals",
        ["subject_kind", "subject_id", "plan_digest", "approver"],
    )
    op.drop_constraint(op.f("ck_approval_gates_source"), "approval_gates", type_="check")
    op.drop_column("approval_gates", "source")
    op.drop_constraint(op.f("ck_orchestrator_runs_start_step"), "orchestrator_runs", type_="check")
    op.drop_column("orchestrator_runs", "start_step")
    op.drop_column("orchestrator_runs", "approval_expires_at")
    op.alter_column("orchestrator_runs", "due_at", new_column_name="woken_at")
