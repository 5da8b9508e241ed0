"""Add the signed heads of records, the sessions of the pages, and indexes of runs by what is asked for."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "c47d0a9be218"
down_revision = "b1c6a83d70f2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event_heads",
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("subject_kind", "subject_id", name=op.f("pk_event_heads")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_id"], ["api_keys.id"], name=op.f("fk_sessions_key_id_api_keys"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_sessions_secret_hash")),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_index("ix_orchestrator_runs_status", "orchestrator_runs", ["status", "queued_at", "id"])
    op.create_index(
        "ix_orchestrator_runs_verdict",
        "orchestrator_runs",
        ["target_service", "completed_at", "id"],
        postgresql_where=sa.text("completed_at IS NOT NULL AND NOT dry_run AND status <> 'cancelled'"),
    )
    op.create_index(
        "ix_orchestrator_runs_untidied",
        "orchestrator_runs",
        ["due_at"],
        postgresql_where=sa.text(
            "completed_at IS NOT NULL AND rollback_verified IS DISTINCT FROM false"
            " AND (progress ->> 'restore_point') IS NOT NULL"
        ),
    )


def downgrade() -> None:
    op.drop_index("ix_orchestrator_runs_verdict", table_name="orchestrator_runs")
    op.drop_index("ix_orchestrator_runs_untidied", table_name="orchestrator_runs")
    op.drop_index("ix_orchestrator_runs_status", table_name="orchestrator_runs")
    op.drop_table("sessions")
    op.drop_table("event_heads")
