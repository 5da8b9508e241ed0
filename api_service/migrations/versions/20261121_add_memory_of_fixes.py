"""Add the memory of fixes: what was done about which failure, and whether that repaired it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "d3a90f7e41bc"
down_revision = "e19b52c6f0a4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "orchestrator_fixes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("remedy", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("planner", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("planner IN ('operator', 'system', 'llm')", name=op.f("ck_orchestrator_fixes_planner")),
        sa.CheckConstraint("outcome IN ('repaired', 'not_repaired')", name=op.f("ck_orchestrator_fixes_outcome")),
        sa.CheckConstraint("(outcome IS NULL) = (settled_at IS NULL)", name=op.f("ck_orchestrator_fixes_settled")),
        sa.CheckConstraint("round >= 1", name=op.f("ck_orchestrator_fixes_round")),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["orchestrator_runs.id"],
            name=op.f("fk_orchestrator_fixes_run_id_orchestrator_runs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orchestrator_fixes")),
        sa.UniqueConstraint(
            "run_id", "round", "fingerprint", name=op.f("uq_orchestrator_fixes_run_id_round_fingerprint")
        ),
    )
    op.create_index(
        "ix_orchestrator_fixes_settled",
        "orchestrator_fixes",
        ["fingerprint", "settled_at", "id"],
        postgresql_where=sa.text("outcome IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("orchestrator_fixes")
