"""Sessions in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, not_, or_, select, update

from api_service.db.models import ApiKey, Session
from moonmind.access.keys import Person, SignedIn
from moonmind.access.repository import USE_GRANULARITY, valid


class SessionRepository:
    """Sessions on one connection; the caller commits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, holder: SignedIn, secret_hash: bytes, longest: timedelta) -> SignedIn:
        """Store a new session of this holder of a key, or of no key; it outlives neither key nor `longest`."""
        expires = func.least(func.now() + longest, holder.expires_at)
        person = holder.person
        values = {"key_id": holder.key_id, "owner": person.owner, "roles": sorted(person.roles), "expires_at": expires}
        added = insert(Session).values(values | {"secret_hash": secret_hash})
        row = self._connection.execute(added.returning(Session.id, Session.expires_at)).one()
        return replace(holder, session_id=row.id, expires_at=row.expires_at)

    def find(self, secret_hash: bytes, idle: timedelta) -> SignedIn | None:
        """Whose session this is, None when it is over or its key opens nothing any more; notes that it was used."""
        s, k = Session, ApiKey
        roles = func.coalesce(k.roles, s.roles)  # of a key, those that it has now
        expires = func.least(s.expires_at, k.expires_at).label("expires_at")
        unnoted = (s.last_used_at < func.now() - USE_GRANULARITY).label("is_unnoted")
        columns = (s.id, s.key_id, s.owner, k.name, roles.label("roles"), expires, unnoted)
        of_valid_key = or_(s.key_id.is_(None), and_(k.id.is_not(None), *valid()))
        found = select(*columns).outerjoin(k, k.id == s.key_id).where(s.secret_hash == secret_hash, of_valid_key)
        row = self._connection.execute(found.where(_on(idle))).one_or_none()
        if row is None:
            return None
        if row.is_unnoted:
            self._connection.execute(update(s).where(s.id == row.id).values(last_used_at=func.now()))
        return SignedIn(Person(row.owner, frozenset(row.roles)), row.expires_at, row.key_id, row.name, row.id)

    def remove(self, number: UUID) -> bool:
        """End one session; False when there was none."""
        return self._connection.execute(delete(Session).where(Session.id == number)).rowcount == 1

    def remove_of(self, owner: str) -> Sequence[UUID]:
        """End every session of a person, whose name counts without regard to case; their ids."""
        ended = delete(Session).where(func.lower(Session.owner) == owner.lower())
        return self._connection.execute(ended.returning(Session.id)).scalars().all()

    def remove_old(self, idle: timedelta) -> None:
        """Forget sessions that are over."""
        self._connection.execute(delete(Session).where(not_(_on(idle))))


def _on(idle: timedelta) -> ColumnElement[bool]:
    """Neither too old nor too long unused."""
    return and_(Session.expires_at > func.now(), Session.last_used_at > func.now() - idle)
