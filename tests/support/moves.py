"""Questions to the transition core, with all that is not in question taken for granted: the work is committed, merged
and on its own branch, ann holds the package and acts, and nothing has been reviewed."""

from __future__ import annotations

from typing import Any

from moonmind.missions import transition
from moonmind.missions.errors import Refusal
from moonmind.missions.events import ReviewResult
from moonmind.missions.lanes import Lane
from moonmind.missions.moves import Hop, Move, MoveFacts, MoveRequest, Workspace
from moonmind.missions.snapshot import PackageState

HEAD = "c" * 40
REJECTED = {"review": ReviewResult(verdict="rejected", reviewer="rob", cycle=1)}
WITH_FEEDBACK: dict[str, Any] = {"feedback": "readable"}
BY_FORCE: dict[str, Any] = {"force": True, "agent": "ann", "note": "the lead said so"}
BY_ONESELF: dict[str, Any] = {
    "self_review_fallback": True,
    "intended_reviewer": "rob",
    "reviewer_failure_reason": "rob is ill",
}


def decide(
    lane: Lane,
    to: Lane,
    *,
    state: dict[str, Any] | None = None,
    work: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
    **options: Any,
) -> Move | Refusal:
    """What the core says to a move of WP01. `options`: of `MoveRequest`; the rest: what is so."""
    holder = None if lane == "planned" else "ann"
    known: dict[str, Any] = {
        "state": PackageState(**{"lane": lane, "holder": holder, **(state or {})}),
        "workspace": Workspace(**{"branch": "007-work", "head": HEAD, "is_merged": True, **(work or {})}),
        "execution_mode": "code_change",
        "policy": "commit",
        "feedback": "none",
        "review_file": "none",
        "actor_default": "ann",
        **(facts or {}),
    }
    return transition.decide_move(MoveRequest(wp_id="WP01", to=to, **options), MoveFacts(**known))


def move(lane: Lane, to: Lane, **known: Any) -> Move:
    """The same of one that may be made."""
    answer = decide(lane, to, **known)
    assert isinstance(answer, Move), answer
    return answer


def only_hop(lane: Lane, to: Lane, **known: Any) -> Hop:
    """Of a move of one hop."""
    (hop,) = move(lane, to, **known).hops
    return hop


def refusal(lane: Lane, to: Lane, **known: Any) -> Refusal:
    """The same of one that may not."""
    answer = decide(lane, to, **known)
    assert isinstance(answer, Refusal), answer
    return answer


def arm(lane: Lane, to: Lane, **known: Any) -> str:
    """What the answer is called."""
    answer = decide(lane, to, **known)
    return answer.name if isinstance(answer, Move) else answer.code
