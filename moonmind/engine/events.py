"""The record of a subject: each event's hash covers the event and the hash before it, and how far the record goes is
signed. A change anywhere shows in the chain; a chain hashed anew, or cut at its end, does not fit its head."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

FIRST_PREVIOUS = "0" * 64
"""What the first event of a subject is chained to."""
HEAD_PREFIX = b"moonmind record head v1\n"
"""Before what is signed of a head, so that no signature of ours for something else fits one."""
TAKEN_OVER = "record_taken_over"
"""The event that says from where on a record is vouched for, written before the first event that is."""


class Signer(Protocol):
    """The installation's key, as far as records need it."""

    @property
    def key_id(self) -> str: ...

    def sign(self, message: bytes) -> bytes: ...

    def verifies(self, message: bytes, signature: bytes) -> bool: ...


def canonical_json(value: object) -> str:
    """One text for one value: sorted keys, no blanks."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a subject: who did what, in the subject's own numbering from 1."""

    subject_kind: str
    subject_id: UUID
    sequence: int
    at: datetime
    actor: str
    kind: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Head:
    """How far a subject's record goes, and whose key says so."""

    subject_kind: str
    subject_id: UUID
    sequence: int
    hash: str
    key_id: str


@dataclass(frozen=True, slots=True)
class RecordEnd:
    """The end of a record as it is stored; `key_id` and `signature` are None where nobody signed it."""

    sequence: int
    hash: str
    key_id: str | None = None
    signature: bytes | None = None


def event_hash(previous: str, event: Event) -> str:
    """SHA-256, in hex, over the hash before and the event's canonical JSON; times in UTC with microseconds."""
    at = event.at.astimezone(UTC).isoformat(timespec="microseconds")
    body = {**asdict(event), "subject_id": str(event.subject_id), "at": at, "previous_hash": previous}
    return hashlib.sha256(canonical_json(body).encode()).hexdigest()


def head_bytes(head: Head) -> bytes:
    """What is signed: HEAD_PREFIX, then the head as canonical JSON in UTF-8."""
    return HEAD_PREFIX + canonical_json({**asdict(head), "subject_id": str(head.subject_id)}).encode()


def doubt_about(end: RecordEnd, subject_kind: str, subject_id: UUID, signer: Signer) -> str | None:
    """Why this key cannot vouch for what a record says so far: `unsigned`, `signed_by_another_key`, `signature_wrong`;
    None when it can."""
    if end.sequence == 0:
        return None
    if end.key_id is None or end.signature is None:
        return "unsigned"
    if end.key_id != signer.key_id:
        return "signed_by_another_key"
    head = Head(subject_kind, subject_id, end.sequence, end.hash, end.key_id)
    return None if signer.verifies(head_bytes(head), end.signature) else "signature_wrong"
