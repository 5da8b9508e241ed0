"""Runs migrations against the database of the settings, one process at a time."""

import os

from alembic import context
from sqlalchemy import create_engine, pool, text

from api_service.db.fix_memory import OrchestratorFix
from moonmind.config.home import current_home
from moonmind.config.settings import load_settings

MIGRATION_LOCK = 0x6D6F6F6E
"""Advisory lock: two machines that start together migrate one after the other."""


def run() -> None:
    """Migrate online. There is no offline mode: SQL scripts would skip the lock."""
    url = load_settings(current_home(), os.environ).database.url.get_secret_value()
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()
        context.configure(connection=connection, target_metadata=OrchestratorFix.metadata, compare_server_default=True)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
