"""Sessions of the web pages: opened by a key or by OpenID Connect, found by the cookie's secret, ended."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Engine

from moonmind.access.keys import SECRET_BYTES, Person, SignedIn, hash_key, make_key
from moonmind.access.repository import KeyRepository
from moonmind.access.session_rows import SessionRepository
from moonmind.access.use_cases import LONGEST_KEY, authenticate


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long a session holds at most, and how long while nobody uses it."""

    longest: timedelta
    idle: timedelta

    @classmethod
    def of(cls, *, hours: int, idle_minutes: int) -> Lasting:
        """As the settings say it."""
        return cls(timedelta(hours=hours), timedelta(minutes=idle_minutes))


def open_session(engine: Engine, lasting: Lasting, key: str) -> tuple[str, SignedIn] | None:
    """The secret of a new session, which is not stored, and the session; None when the key opens nothing."""
    holder = authenticate(engine, key)
    return _open(engine, lasting, holder) if holder else None


def open_session_for(engine: Engine, lasting: Lasting, person: Person) -> tuple[str, SignedIn]:
    """The secret of a new session, and the session, of somebody whom an OpenID provider vouches for.

    A name that keys have in other letters is that person's.
    """
    with engine.connect() as connection:
        owner = KeyRepository(connection).owner_like(person.owner) or person.owner
    return _open(engine, lasting, SignedIn(replace(person, owner=owner), None, None, None))


def find_session(engine: Engine, lasting: Lasting, secret: str) -> SignedIn | None:
    """Whose session this is, with the roles that its key has now; None when it is over, or its key is."""
    if len(secret) > LONGEST_KEY:
        return None
    with engine.begin() as connection:
        return SessionRepository(connection).find(hash_key(secret), lasting.idle)


def close_session(engine: Engine, number: UUID) -> bool:
    """End one session; False when there was none."""
    with engine.begin() as connection:
        return SessionRepository(connection).remove(number)


def close_all_of(engine: Engine, owner: str) -> int:
    """End every session of a person; how many there were."""
    with engine.begin() as connection:
        return len(SessionRepository(connection).remove_of(owner))


def _open(engine: Engine, lasting: Lasting, holder: SignedIn) -> tuple[str, SignedIn]:
    secret = make_key(secrets.token_bytes(SECRET_BYTES))
    with engine.begin() as connection:
        sessions = SessionRepository(connection)
        sessions.remove_old(lasting.idle)
        return secret, sessions.add(holder, hash_key(secret), lasting.longest)
