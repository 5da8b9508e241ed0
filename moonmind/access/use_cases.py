"""Who may come in: the first admin key, making, revoking and recognising keys."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from moonmind.access.keys import PREFIX, SECRET_BYTES, SignedIn, hash_key, make_key
from moonmind.access.repository import KeyRepository
from moonmind.schemas.approvals import Role

log = logging.getLogger(__name__)

ADMIN = "admin"
FIRST_START = "first start"
"""The actor of what nobody asked for."""
KEY_NAME = "var/admin.key"
LONGEST_KEY = 128
KEY_LENGTH = len(make_key(bytes(SECRET_BYTES)))


class LastAdminError(Exception):
    """Without this key nobody could make another one."""


class OwnerInOtherLettersError(Exception):
    """That owner is known, in other letters: two names that differ in case are one person."""

    def __init__(self, known: str) -> None:
        super().__init__(f"there is {known} already, and names that differ in case are one person")
        self.known = known


def authenticate(engine: Engine, key: str) -> SignedIn | None:
    """Whose key this is, None when it opens nothing."""
    if not key.startswith(PREFIX) or len(key) > LONGEST_KEY:
        return None
    with engine.begin() as connection:
        return KeyRepository(connection).find(hash_key(key))


def create_key(
    engine: Engine, owner: str, name: str, roles: Sequence[Role], valid_days: int | None, *, actor: str
) -> tuple[str, Mapping[str, Any]]:
    """A new key, which is not stored, and its row, which is. Raises OwnerInOtherLettersError."""
    key = make_key(secrets.token_bytes(SECRET_BYTES))
    with engine.begin() as connection:
        keys = KeyRepository(connection)
        keys.lock_all()
        if known := keys.owner_like(owner):
            raise OwnerInOtherLettersError(known)
        row = keys.add(owner, name, sorted(set(roles)), hash_key(key), valid_days)
        expires = row["expires_at"].isoformat() if row["expires_at"] else None
        keys.note(row["key_id"], "key_made", actor, owner=owner, name=name, roles=row["roles"], expires_at=expires)
    log.info("key made: %s (%s of %s, %s) by %s", row["key_id"], name, owner, ", ".join(row["roles"]), actor)
    return key, row


def list_keys(engine: Engine) -> list[Mapping[str, Any]]:
    """Every key, without what would open anything."""
    with engine.connect() as connection:
        return KeyRepository(connection).all()


def revoke_key(engine: Engine, number: UUID, *, actor: str) -> Mapping[str, Any] | None:
    """End a key's validity, and with it its sessions; None when there is no such key. Raises LastAdminError."""
    with engine.begin() as connection:
        keys = KeyRepository(connection)
        keys.lock_all()
        if keys.valid_admins() == {number}:
            raise LastAdminError
        row, is_new = keys.revoke(number)
        if row is None or not is_new:
            return row
        keys.note(number, "key_revoked", actor, owner=row["owner"], name=row["name"])
    log.info("key revoked: %s (%s of %s) by %s", number, row["name"], row["owner"], actor)
    return row


def ensure_admin_key(engine: Engine, file: Path) -> bool:
    """See that the key in `file` (0600) opens this database; make one at the first start. True when one was made.

    A key that is there already is taken over: one home may have several databases (the embedded stack's, the Compose
    stack's), and whoever may write the file is its admin anyway. A removed file is not made again while there is an
    admin, and a revoked key stays revoked: both were choices.
    """
    with engine.begin() as connection:
        keys = KeyRepository(connection)
        keys.lock_all()
        if key := _read_key(file):
            _add_admin(keys, key)
            return False
        if keys.has_admin():
            return False
        key = make_key(secrets.token_bytes(SECRET_BYTES))
        _add_admin(keys, key)
        write_secret(file, key + "\n")  # before the commit: a key that nobody can read must not exist
    return True


def _add_admin(keys: KeyRepository, key: str) -> None:
    number = keys.add_unless_known(ADMIN, KEY_NAME, [ADMIN], hash_key(key))
    if number is not None:
        keys.note(number, "key_made", FIRST_START, owner=ADMIN, name=KEY_NAME, roles=[ADMIN], expires_at=None)


def _read_key(file: Path) -> str | None:
    """The key in the file, None when there is none that could be ours."""
    try:
        key = file.read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return key if len(key) == KEY_LENGTH and key.startswith(PREFIX) else None


def write_secret(file: Path, content: str) -> None:
    """Replace a file that only its owner may read."""
    temporary = _write_beside(file, content)
    temporary.replace(file)


def _write_beside(file: Path, content: str) -> Path:
    """A new private file in the same folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    return temporary


def signing_key(file: Path) -> str:
    """The secret that signs addresses, made at the first start."""
    try:
        return file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        made = _write_beside(file, secrets.token_urlsafe(SECRET_BYTES) + "\n")
        with suppress(FileExistsError):  # of two processes that start together, one's secret stays for both
            os.link(made, file)
        made.unlink()
        return file.read_text(encoding="ascii").strip()
