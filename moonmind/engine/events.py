"""The chain over events: each row's hash covers the row and the hash before it, so that a change anywhere shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

FIRST_PREVIOUS = "0" * 64
"""What the first event of a subject is chained to."""


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


def event_hash(previous: str, event: Event) -> str:
    """SHA-256, in hex, over the hash before and the event's canonical JSON; times in UTC with microseconds."""
    at = event.at.astimezone(UTC).isoformat(timespec="microseconds")
    body = {**asdict(event), "subject_id": str(event.subject_id), "at": at, "previous_hash": previous}
    return hashlib.sha256(canonical_json(body).encode()).hexdigest()
