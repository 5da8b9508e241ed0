"""What a verification looked at and what it found. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from moonmind.evidence.shapes import Manifest


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what was seen, what is not right, and what is worth knowing."""

    title: str
    seen: str
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Nothing is wrong here."""
        return not self.findings


def make_check(title: str, seen: str, findings: Iterable[str], notes: Iterable[str] = ()) -> Check:
    """From findings as they come."""
    return Check(title, seen, tuple(findings), tuple(notes))


@dataclass(slots=True)
class Report:
    """All checks of one file; `manifest` None when it could not be read."""

    checks: list[Check] = field(default_factory=list)
    manifest: Manifest | None = None

    @property
    def ok(self) -> bool:
        """Everything was looked at and nothing is wrong."""
        return self.manifest is not None and all(check.ok for check in self.checks)

    @property
    def findings(self) -> list[str]:
        """Everything that is wrong."""
        return [finding for check in self.checks for finding in check.findings]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        said = ("run_id", "status", "is_over", "exported_at", "exported_by", "key_id")
        about = self.manifest.model_dump(mode="json") if self.manifest else dict.fromkeys(said)
        return {
            "ok": self.ok,
            **{name: about[name] for name in said},
            "findings": self.findings,
            "checks": [
                {"check": one.title, "ok": one.ok, "seen": one.seen, "findings": one.findings, "notes": one.notes}
                for one in self.checks
            ],
        }
