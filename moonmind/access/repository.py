"""Keys in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from api_service.db.models import ApiKey
from moonmind.access.keys import Person, SignedIn
from moonmind.engine.repository import append_event

USE_GRANULARITY = timedelta(minutes=1)
"""`last_used_at` is this exact: a read should not cost a write."""
SHOWN = (
    ApiKey.id.label("key_id"),
    *(ApiKey.owner, ApiKey.name, ApiKey.roles),
    *(ApiKey.created_at, ApiKey.expires_at, ApiKey.revoked_at, ApiKey.last_used_at),
)
"""What may be seen of a key."""
KEYS_LOCK = 0x6D6D6B79
SUBJECT = "api_key"
"""The `subject_kind` of keys in the events."""


class KeyRepository:
    """Keys on one connection; the caller commits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_unless_known(self, owner: str, name: str, roles: Sequence[str], secret_hash: bytes) -> UUID | None:
        """Store a new key and give its id; one that is known stays as it is, revoked or not: None."""
        values = {"owner": owner, "name": name, "roles": list(roles), "secret_hash": secret_hash}
        added = insert(ApiKey).values(values).on_conflict_do_nothing().returning(ApiKey.id)
        return self._connection.execute(added).scalar_one_or_none()

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

    def revoke(self, number: UUID) -> tuple[Mapping[str, Any] | None, bool]:
        """End a key's validity; its row, None when there is no such key, and whether it was not ended before."""
        k = ApiKey
        ended = update(k).where(k.id == number, k.revoked_at.is_(None)).values(revoked_at=func.now())
        changed = self._connection.execute(ended).rowcount == 1
        row = self._connection.execute(select(*SHOWN).where(k.id == number)).mappings().one_or_none()
        return (dict(row) if row else None), changed

    def find(self, secret_hash: bytes) -> SignedIn | None:
        """Whose key this is, None when it is unknown, revoked or expired; notes that it was used."""
        k = ApiKey
        unnoted = or_(k.last_used_at.is_(None), k.last_used_at < func.now() - USE_GRANULARITY)
        found = select(k.id, k.owner, k.name, k.roles, k.expires_at, unnoted.label("is_unnoted"))
        row = self._connection.execute(found.where(k.secret_hash == secret_hash, *valid())).one_or_none()
        if row is None:
            return None
        if row.is_unnoted:
            self._connection.execute(update(k).where(k.id == row.id).values(last_used_at=func.now()))
        return SignedIn(Person(row.owner, frozenset(row.roles)), row.expires_at, row.id, row.name)

    def note(self, number: UUID, kind: str, actor: str, **payload: Any) -> None:
        """Add to the key's record. Call under `lock_all`: one at a time writes it."""
        append_event(self._connection, SUBJECT, number, actor=actor, kind=kind, payload=payload)

    def lock_all(self) -> None:
        """One at a time decides, until its transaction ends, by which keys there are."""
        self._connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": KEYS_LOCK})

    def valid_admins(self) -> set[UUID]:
        """The admin keys that open something now."""
        k = ApiKey
        return set(self._connection.execute(select(k.id).where(*valid(), k.roles.contains(["admin"]))).scalars())

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


def valid() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Neither revoked nor expired."""
    return ApiKey.revoked_at.is_(None), or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now())
