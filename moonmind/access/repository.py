"""Keys in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from api_service.db.models import ApiKey
from moonmind.access.keys import Person

USE_GRANULARITY = timedelta(minutes=1)
"""`last_used_at` is this exact: a read should not cost a write."""
SHOWN = (
    ApiKey.id.label("key_id"),
    *(ApiKey.owner, ApiKey.name, ApiKey.roles),
    *(ApiKey.created_at, ApiKey.expires_at, ApiKey.revoked_at, ApiKey.last_used_at),
)
"""What may be seen of a key."""
KEYS_LOCK = 0x6D6D6B79


class KeyRepository:
    """Keys on one connection; the caller commits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_unless_known(self, owner: str, name: str, roles: Sequence[str], secret_hash: bytes) -> None:
        """Store a new key; one that is known stays as it is, revoked or not."""
        values = {"owner": owner, "name": name, "roles": list(roles), "secret_hash": secret_hash}
        self._connection.execute(insert(ApiKey).values(values).on_conflict_do_nothing())

    def add(
        self, owner: str, name: str, roles: Sequence[str], secret_hash: bytes, valid_days: int | None
    ) -> Mapping[str, Any]:
        """Store a new key that expires after `valid_days` (None: never); its row as `all` gives it."""
        expires = func.now() + timedelta(days=valid_days) if valid_days is not None else None
        values = {"owner": owner, "name": name, "roles": list(roles), "secret_hash": secret_hash, "expires_at": expires}
        return dict(self._connection.execute(insert(ApiKey).values(values).returning(*SHOWN)).mappings().one())

    def all(self) -> list[Mapping[str, Any]]:
        """Every key without its hash, oldest first."""
        return [dict(row) for row in self._connection.execute(select(*SHOWN).order_by(ApiKey.created_at)).mappings()]

    def revoke(self, number: UUID) -> Mapping[str, Any] | None:
        """End a key's validity, once; None when there is no such key."""
        k = ApiKey
        ended = update(k).where(k.id == number).values(revoked_at=func.coalesce(k.revoked_at, func.now()))
        row = self._connection.execute(ended.returning(*SHOWN)).mappings().one_or_none()
        return dict(row) if row else None

    def find(self, secret_hash: bytes) -> Person | None:
        """Whose key this is, None when it is unknown, revoked or expired; notes that it was used."""
        k = ApiKey
        found = select(k.id, k.owner, k.roles, k.last_used_at < func.now() - USE_GRANULARITY).where(
            k.secret_hash == secret_hash, *_valid()
        )
        row = self._connection.execute(found).one_or_none()
        if row is None:
            return None
        if row[3] is not False:  # never used, or not lately
            self._connection.execute(update(k).where(k.id == row.id).values(last_used_at=func.now()))
        return Person(row.owner, frozenset(row.roles))

    def lock_all(self) -> None:
        """One at a time decides, until its transaction ends, by which keys there are."""
        self._connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": KEYS_LOCK})

    def valid_admins(self) -> set[UUID]:
        """The admin keys that open something now."""
        k = ApiKey
        return set(self._connection.execute(select(k.id).where(*_valid(), k.roles.contains(["admin"]))).scalars())

    def owner_like(self, owner: str) -> str | None:
        """An owner of any key, also a revoked one, whose name differs from this one in case alone."""
        k = ApiKey
        same = (func.lower(k.owner) == owner.lower(), k.owner != owner)
        return self._connection.execute(select(k.owner).where(*same).limit(1)).scalar_one_or_none()

    def has_admin(self) -> bool:
        """Whether there is an admin key that stays valid."""
        k = ApiKey
        found = select(k.id).where(k.revoked_at.is_(None), k.expires_at.is_(None), k.roles.contains(["admin"])).limit(1)
        return self._connection.execute(found).one_or_none() is not None


def _valid() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Neither revoked nor expired."""
    return ApiKey.revoked_at.is_(None), or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now())
