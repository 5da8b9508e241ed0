"""The database engine. Transactions are opened at the edges (`with engine.begin()`), never inside repositories."""

from __future__ import annotations

from sqlalchemy import Engine, create_engine

STATEMENT_TIMEOUT_MS = 30_000
"""No statement of ours takes longer; one that does is stuck behind a lock and must not hold a worker for ever."""
IDLE_TRANSACTION_MS = 15_000
"""A worker that stopped in the middle of a transaction (its machine sleeps, or is gone) holds its rows no longer."""
DEAD_PEER = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15_000}
"""A server that went away without a word is noticed within about fifteen seconds (milliseconds in the last)."""


def make_engine(url: str, *, pool_size: int) -> Engine:
    """An engine for psycopg 3; connections that the server closed are noticed before use."""
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args={
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c timezone=UTC"
            f" -c idle_in_transaction_session_timeout={IDLE_TRANSACTION_MS}",
            "connect_timeout": 5,
            **DEAD_PEER,
        },
    )
