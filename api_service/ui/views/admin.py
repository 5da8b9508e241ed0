"""Keys and gates as admins see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api_service.ui.views.words import REQUIREMENT, Badge
from moonmind.schemas.approvals import ApprovalGate, GateSource

ROLE_WORDS = (
    ("viewer", "looks at everything about runs"),
    ("operator", "asks for runs, retries and cancels them"),
    ("approver", "answers runs that wait for approval"),
    ("admin", "may do all, and makes keys and policy"),
)
REQUIREMENT_WORDS = (
    ("none", "Nobody is asked."),
    ("pre-run", "A run waits with its exact change before it touches anything."),
    ("pre-verify", "A run waits once the change is in place; without a yes it is undone."),
)


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key without its secret."""

    id: str
    owner: str
    name: str
    roles: tuple[str, ...]
    badge: Badge
    is_valid: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class GateLine:
    """A service's gate with the values of its form; `is_own`: set here or through the API, over config.toml."""

    service: str
    badge: Badge
    words: str
    origin: str
    is_own: bool
    requirement: str
    approver_roles: tuple[str, ...]
    required_approvals: int
    valid_minutes: int
    self_approval: bool


def key_lines(keys: Iterable[Mapping[str, Any]], now: datetime) -> list[KeyLine]:
    """Those that open something first, then the newest."""
    lines = [_key_line(key, now) for key in keys]
    return sorted(lines, key=lambda line: (not line.is_valid, line.owner.casefold(), line.created_at))


def gate_line(service: str, gate: ApprovalGate, source: GateSource) -> GateLine:
    """A gate in words and values."""
    return GateLine(
        service=service,
        badge=REQUIREMENT[gate.requirement],
        words=_gate_words(gate),
        origin="set here" if source == "api" else "config.toml",
        is_own=source == "api",
        **gate.model_dump(),
    )


def _key_line(key: Mapping[str, Any], now: datetime) -> KeyLine:
    expired = key["expires_at"] is not None and key["expires_at"] <= now
    return KeyLine(
        id=str(key["key_id"]),
        owner=key["owner"],
        name=key["name"],
        roles=tuple(key["roles"]),
        badge=_key_badge(key["revoked_at"] is not None, expired),
        is_valid=key["revoked_at"] is None and not expired,
        created_at=key["created_at"],
        expires_at=key["expires_at"],
        last_used_at=key["last_used_at"],
    )


def _key_badge(revoked: bool, expired: bool) -> Badge:
    if revoked:
        return Badge("Revoked", "stop", "quiet")
    return Badge("Expired", "clock", "quiet") if expired else Badge("Valid", "check", "good")


def _gate_words(gate: ApprovalGate) -> str:
    if gate.requirement == "none":
        return "nobody is asked"
    people = "1 person" if gate.required_approvals == 1 else f"{gate.required_approvals} people"
    own = "; also whoever asks" if gate.self_approval else ""
    return f"{people} ({' or '.join(gate.approver_roles)}), within {gate.valid_minutes} min{own}"
