"""Keys of the API: made once, shown once, stored hashed. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import get_args
from uuid import UUID

from moonmind.schemas.approvals import Role

ROLES: tuple[Role, ...] = get_args(Role)
PREFIX = "mm_"
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: the owner of a key, with the roles of that key."""

    owner: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who proved who they are, and by what: a key, or a session that a key opened (no key: OpenID)."""

    person: Person
    expires_at: datetime | None
    key_id: UUID | None
    key_name: str | None
    session_id: UUID | None = None


def make_key(randomness: bytes) -> str:
    """The key for these random bytes. 32 of them cannot be guessed, so a plain hash is safe to store.

    Source: OWASP keeps slow hashes for secrets that people choose; these are 256 bits from the system.
    """
    return PREFIX + base64.urlsafe_b64encode(randomness).decode().rstrip("=")


def hash_key(key: str) -> bytes:
    """What is stored and looked up."""
    return hashlib.sha256(key.encode()).digest()


def may(roles: Iterable[str], needed: Role) -> bool:
    """Whether these roles allow what needs `needed`: an admin may do all, every role may look."""
    held = set(roles)
    return "admin" in held or needed in held or (needed == "viewer" and bool(held))
