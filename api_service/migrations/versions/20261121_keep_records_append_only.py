"""Keep records append-only, also for the program's own database user, let no head go back, and find all approvals."""

from alembic import op

revision = "e19b52c6f0a4"
down_revision = "c47d0a9be218"
branch_labels = None
depends_on = None

REFUSE = """
CREATE FUNCTION refuse_record_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the record is append-only: % on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$
"""


def upgrade() -> None:
    op.create_index("ix_approvals_subject", "approvals", ["subject_kind", "subject_id"])
    op.execute(REFUSE)
    op.execute(
        "CREATE TRIGGER run_events_append_only BEFORE UPDATE OR DELETE ON run_events"
        " FOR EACH ROW EXECUTE FUNCTION refuse_record_change()"
    )
    op.execute(
        "CREATE TRIGGER event_heads_forward_only BEFORE UPDATE ON event_heads"
        " FOR EACH ROW WHEN (NEW.sequence <= OLD.sequence) EXECUTE FUNCTION refuse_record_change()"
    )
    op.execute(
        "CREATE TRIGGER event_heads_kept BEFORE DELETE ON event_heads"
        " FOR EACH ROW EXECUTE FUNCTION refuse_record_change()"
    )
    for table in ("run_events", "event_heads"):
        op.execute(
            f"CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_record_change()"
        )


def downgrade() -> None:
    for table in ("run_events", "event_heads"):
        op.execute(f"DROP TRIGGER {table}_not_emptied ON {table}")
    op.execute("DROP TRIGGER event_heads_kept ON event_heads")
    op.execute("DROP TRIGGER event_heads_forward_only ON event_heads")
    op.execute("DROP TRIGGER run_events_append_only ON run_events")
    op.execute("DROP FUNCTION refuse_record_change()")
    op.drop_index("ix_approvals_subject", table_name="approvals")
