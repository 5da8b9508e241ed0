"""The events that a move which may be made amounts to: one a hop, with what each rests on."""

from __future__ import annotations

from moonmind.missions.documents.reviews import cycle_name
from moonmind.missions.events import Evidence, ReviewResult, Verdict
from moonmind.missions.lanes import is_back
from moonmind.missions.moves import Hop
from moonmind.missions.transition.move_case import APPROVING, ENDING, HANDED_OVER, MoveCase, Step

REWIND = "backward rewind"
"""The reason of every move back that the table does not have."""


def make_hops(case: MoveCase, actor: str) -> tuple[Hop, ...]:
    """Of a case that nothing stands against."""
    return tuple(_make_hop(case, actor, step) for step in case.steps)


def _make_hop(case: MoveCase, actor: str, step: Step) -> Hop:
    rewound = case.is_rewind and not case.request.force
    return Hop(
        from_lane=step[0],
        to_lane=step[1],
        actor=actor,
        force=case.request.force or rewound,
        reason=REWIND if rewound else case.request.note,
        evidence=_evidence(case, step),
        review_ref=_review_ref(case, step),
        review_result=_review_result(case, actor, step),
    )


def _evidence(case: MoveCase, step: Step) -> Evidence | None:
    work, (lane, to) = case.facts.workspace, step
    begins = to == "in_progress" and work.branch is not None
    settled = (to in ("for_review", "done") and not is_back(lane, to)) or step in HANDED_OVER
    evidence = Evidence(
        branch=work.branch if begins else None,
        base=_base(case) if begins else None,
        commit=work.head if settled else None,
        override=case.request.done_override_reason if to == "done" else None,
        arbiter=case.arbiter if case.is_arbiter_override and lane == "planned" else None,
        tracker_refs=list(case.request.tracker_refs) or None if to == case.request.to else None,
    )
    return None if evidence == Evidence() else evidence


def _base(case: MoveCase) -> str | None:
    """Work that goes on where it was begun keeps its base: what was done before is still part of it."""
    state, work = case.facts.state, case.facts.workspace
    return state.base if state.base and state.branch == work.branch else work.head


def _review_ref(case: MoveCase, step: Step) -> str | None:
    if case.has_feedback:
        return cycle_name(case.facts.next_cycle)
    taken_back = step[0] == "approved" and case.is_rewind
    judged = case.is_rejection or taken_back or step[1] in ("approved", "done")
    return case.request.approval_ref if judged else None


def _review_result(case: MoveCase, actor: str, step: Step) -> ReviewResult | None:
    verdict = _verdict(case, step)
    return verdict and ReviewResult(
        verdict=verdict,
        reviewer=case.request.reviewer or actor,
        cycle=case.facts.next_cycle if case.has_feedback else None,
        intended_reviewer=case.request.intended_reviewer,
        failure=case.request.reviewer_failure_reason,
    )


def _verdict(case: MoveCase, step: Step) -> Verdict | None:
    if case.is_rejection:
        return "rejected"
    if step in APPROVING:
        return "approved"
    return "none" if step in ENDING else None
