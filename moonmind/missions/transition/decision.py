"""The transition core: may this package move there, by which hops, and what follows. No I/O.

options that do not go together → guards in their order → the table, hop by hop → the hops and what is written
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from moonmind.missions.errors import Refusal
from moonmind.missions.lanes import Lane
from moonmind.missions.moves import Move, MoveFacts, MoveName, MoveRequest, RefusalCode
from moonmind.missions.transition import option_guards, work_guards
from moonmind.missions.transition.hops import make_hops
from moonmind.missions.transition.move_case import MoveCase, Step, make_case
from moonmind.missions.transition.move_guards import GUARDS, OPTIONS, first_refusal
from moonmind.missions.transition.table_guards import table_refusal

ARMS: tuple[str, ...] = (*get_args(MoveName), *get_args(RefusalCode))
"""Every answer that the core can come to, by `Move.name` or `Refusal.code`."""

SKIPPED_REASON = "a protected branch, or none, is checked out; the event is recorded"

_NAMES: Mapping[Lane, MoveName] = {
    "planned": "return",
    "claimed": "claim",
    "in_progress": "start",
    "for_review": "handover",
    "in_review": "review_taken",
    "approved": "approval",
    "done": "completion",
    "blocked": "set_aside",
    "canceled": "set_aside",
}
"""Of a move along one edge, by where it leads."""

_PARTICULAR: Mapping[Step, MoveName] = {
    ("in_review", "done"): "approval",
    ("in_review", "blocked"): "review_ended",
    ("in_review", "canceled"): "review_ended",
    ("blocked", "in_progress"): "resumption",
}


def decide_move(request: MoveRequest, facts: MoveFacts) -> Move | Refusal:
    """May the package go there, and what does it amount to? A package that is there already stays as it is."""
    case = make_case(request, facts)
    if refusal := first_refusal(OPTIONS, case):
        return refusal
    if case.lane == request.to:
        refusal = option_guards.nothing_is_lost(case) or work_guards.taken_by_another(case)
        return refusal or Move(name="unchanged", hops=())
    refusal = first_refusal(GUARDS, case) or table_refusal(case)
    return refusal or _make_move(case)


def _make_move(case: MoveCase) -> Move:
    actor = case.actor
    assert actor is not None  # or the table would have refused
    skips = case.facts.policy == "skip"
    return Move(
        name=_name_of(case),
        hops=make_hops(case, actor),
        fields={} if skips else _fields(case, actor),
        skipped=("agent", "history") if skips else (),
        skipped_reason=SKIPPED_REASON if skips else None,
        writes_feedback=case.has_feedback,
    )


def _fields(case: MoveCase, actor: str) -> dict[str, object]:
    """Of the front matter: who acts always, the rest as far as it was given."""
    asked, there = case.request, case.facts.tracker_refs
    refs = list(dict.fromkeys((*there, *asked.tracker_refs))) if asked.tracker_refs else None
    given = {"agent": actor, "assignee": asked.assignee, "shell_pid": asked.shell_pid, "tracker_refs": refs}
    return {key: value for key, value in given.items() if value is not None}


def _name_of(case: MoveCase) -> MoveName:
    asked, facts = case.request, case.facts
    unmerged = facts.execution_mode == "code_change" and not facts.workspace.is_merged
    kinds: Mapping[MoveName, bool] = {
        "rejection": case.is_rejection,
        "arbiter_override": case.is_arbiter_override,
        "forced": asked.force,
        "verdict_skipped": facts.state.is_rejected and asked.to in ("approved", "done"),
        "done_unmerged": asked.to == "done" and unmerged,
        "self_review": asked.self_review_fallback,
        "rewind": case.is_rewind,
        "several_hops": len(case.steps) > 1,
    }
    last = case.steps[-1]
    return next((name for name, applies in kinds.items() if applies), _PARTICULAR.get(last, _NAMES[last[1]]))
