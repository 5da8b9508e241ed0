"""The lanes of a work package, which may follow which, and how much of the work each stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

Lane = Literal[
    "planned", "claimed", "in_progress", "for_review", "in_review", "approved", "done", "blocked", "canceled"
]

LANES: tuple[Lane, ...] = get_args(Lane)
FORWARD: tuple[Lane, ...] = LANES[: LANES.index("done") + 1]
"""The way of a package, in order. A move to an earlier one is a move back; `blocked` and `canceled` are beside it."""

ALIASES: Mapping[str, Lane] = {"doing": "in_progress"}
NAMES: tuple[str, ...] = (*LANES, *ALIASES)
"""What a person or a log may write."""

Guard = Literal["actor", "workspace", "handover", "approval", "reason", "review_result", "evidence", "review_reference"]
"""What must be known for an edge: who; where; subtasks done and a commit; reviewer and reference; why; a verdict; a
commit; the review that is taken back."""

EDGES: Mapping[tuple[Lane, Lane], Guard | None] = {
    ("planned", "claimed"): "actor",
    ("planned", "blocked"): None,
    ("planned", "canceled"): None,
    ("claimed", "in_progress"): "workspace",
    ("claimed", "blocked"): None,
    ("claimed", "canceled"): None,
    ("in_progress", "for_review"): "handover",
    ("in_progress", "approved"): "approval",
    ("in_progress", "planned"): "reason",
    ("in_progress", "blocked"): None,
    ("in_progress", "canceled"): None,
    ("for_review", "in_review"): "actor",
    ("for_review", "blocked"): None,
    ("for_review", "canceled"): None,
    ("in_review", "approved"): "review_result",
    ("in_review", "done"): "review_result",
    ("in_review", "in_progress"): "review_result",
    ("in_review", "planned"): "review_result",
    ("in_review", "blocked"): "review_result",
    ("in_review", "canceled"): "review_result",
    ("approved", "done"): "evidence",
    ("approved", "in_progress"): "review_reference",
    ("approved", "planned"): "review_reference",
    ("approved", "blocked"): None,
    ("approved", "canceled"): None,
    ("blocked", "in_progress"): None,
    ("blocked", "canceled"): None,
}
"""The table of `missions-and-sync.md`; None: no guard. `done` and `canceled` lead nowhere."""

WEIGHTS: Mapping[Lane, float] = {
    "planned": 0.0,
    "claimed": 0.05,
    "in_progress": 0.3,
    "for_review": 0.6,
    "in_review": 0.7,
    "approved": 0.8,
    "done": 1.0,
    "blocked": 0.0,
    "canceled": 0.0,
}
"""Of one package's work, for the weighted percentage."""


def lane_named(name: str) -> Lane | None:
    """The lane that a person means; None when there is none of that name."""
    if name in ALIASES:
        return ALIASES[name]
    return next((lane for lane in LANES if lane == name), None)


def is_back(from_lane: Lane, to_lane: Lane) -> bool:
    """True for a move to an earlier lane of the way."""
    return from_lane in FORWARD and to_lane in FORWARD and FORWARD.index(to_lane) < FORWARD.index(from_lane)


def is_forward(from_lane: Lane, to_lane: Lane) -> bool:
    """True for a move to a later lane of the way."""
    return is_back(to_lane, from_lane)
