"""What the log amounts to: `status.json`, a view that can be made anew at any time. The fold itself: `reducer`."""

from __future__ import annotations

import msgspec

from moonmind.missions.events import ReviewResult, SubtaskStatus
from moonmind.missions.lanes import Lane


class PackageState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One work package. `actor`, `since` and `forced` are of the move into its lane, `last_event_*` of the last event,
    which may have moved nothing. `holder`: who claimed it, or took it up unclaimed; None while it is planned. `review`:
    the last verdict, approved or rejected; `reviewed_anew`: it has been in review since."""

    lane: Lane = "planned"
    actor: str | None = None
    holder: str | None = None
    since: str | None = None
    last_event_id: str | None = None
    last_event_at: str | None = None
    forced: bool = False
    branch: str | None = None
    base: str | None = None
    review: ReviewResult | None = None
    review_ref: str | None = None
    reviewed_anew: bool = False
    subtasks: dict[str, SubtaskStatus] = {}

    @property
    def is_rejected(self) -> bool:
        """True while the last verdict is a rejection and nobody has begun to review it again."""
        return self.review is not None and self.review.verdict == "rejected" and not self.reviewed_anew


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`at`: the time of the last event, None without any; `events`: how many there are, repeated ones once."""

    mission_id: str
    mission_slug: str
    at: str | None
    events: int
    work_packages: dict[str, PackageState]

    def state_of(self, wp_id: str) -> PackageState:
        """Of a package without events: planned."""
        return self.work_packages.get(wp_id, PackageState())


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """The bytes of `status.json`: the same for the same log."""
    return msgspec.json.format(msgspec.json.encode(snapshot, order="sorted"), indent=2) + b"\n"
