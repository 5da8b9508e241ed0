"""What the table of lanes asks of each hop, after the guards in their order: see `lanes.EDGES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from moonmind.missions.errors import Refusal
from moonmind.missions.lanes import EDGES, Guard, Lane
from moonmind.missions.transition.move_case import MoveCase, Step, refuse
from moonmind.missions.transition.review_guards import feedback_required


def table_refusal(case: MoveCase) -> Refusal | None:
    """Why the way cannot be gone, or a hop of it not be made. Force passes all but that somebody acts."""
    if not case.steps:
        return _no_such_move(case)
    if case.actor is None:
        message = "nobody is known to act: add --agent, or tell git who you are (git config user.name NAME)"
        return refuse("ActorRequired", message)
    if case.request.force:
        return None
    return next((refusal for step in case.steps if (refusal := _check(step)(case))), None)


def _no_such_move(case: MoveCase) -> Refusal:
    after: list[Lane] = [to for lane, to in EDGES if lane == case.lane]
    way = f"to {', '.join(after)}" if after else "nowhere"
    return refuse(
        "NoSuchMove",
        f"{case.request.wp_id} is in {case.lane}. From there it goes {way}; to {case.request.to} only with --force, "
        "--agent and --note",
        from_lane=case.lane,
        to_lane=case.request.to,
        allowed=after,
    )


def _check(step: Step) -> Callable[[MoveCase], Refusal | None]:
    return _CHECKS[EDGES[step]] if step in EDGES else _rewind


def _nothing(case: MoveCase) -> Refusal | None:
    """There is no guard, or it holds by now: who acts is known."""
    return None


def _workspace(case: MoveCase) -> Refusal | None:
    if case.facts.workspace.branch is None:
        message = (
            f"no branch is checked out, so where {case.request.wp_id} is worked on cannot be told: git switch BRANCH"
        )
        return refuse("WorkspaceRequired", message)
    return None


def _commit(case: MoveCase) -> Refusal | None:
    if case.facts.execution_mode == "code_change" and case.facts.workspace.head is None:
        branch, wp_id = case.facts.workspace.branch or "HEAD", case.request.wp_id
        return refuse("CommitRequired", f"{branch}, where {wp_id} is worked on, has no commit: git commit there")
    return None


def _evidence(case: MoveCase) -> Refusal | None:
    """A reason why it is done without being merged stands for the commit: the branch may be gone."""
    return None if case.request.done_override_reason else _commit(case)


def _approval(case: MoveCase) -> Refusal | None:
    if not case.request.reviewer:
        return refuse("ReviewerRequired", "work in progress is approved by somebody: name them with --reviewer")
    if not case.request.approval_ref:
        message = "work in progress is approved somewhere: name the review, a link or a number, with --approval-ref"
        return refuse("ApprovalRefRequired", message)
    return None


def _reason(case: MoveCase) -> Refusal | None:
    if not (case.request.note or case.has_feedback):
        message = f"say with --note why {case.request.wp_id} goes back from {case.lane} to {case.request.to}"
        return refuse("ReasonRequired", message)
    return None


def _review_result(case: MoveCase) -> Refusal | None:
    return feedback_required(case) if case.is_rejection and not case.has_feedback else None


def _review_reference(case: MoveCase) -> Refusal | None:
    if not (case.request.approval_ref or case.has_feedback):
        feedback = "what takes that back, with --review-feedback-file, or " if case.is_rejection else ""
        return refuse(
            "ReviewReferenceRequired",
            f"{case.request.wp_id} is approved: say {feedback}which approval it was, with --approval-ref",
        )
    return None


def _rewind(case: MoveCase) -> Refusal | None:
    """What is approved goes back to be reviewed as the table lets it go back at all: by a reference."""
    if case.is_rejection:
        return _review_result(case)
    if case.lane == "approved":
        return _review_reference(case)
    return _reason(case) if case.request.to == "planned" else None


_CHECKS: Mapping[Guard | None, Callable[[MoveCase], Refusal | None]] = {
    None: _nothing,
    "actor": _nothing,
    "workspace": _workspace,
    "handover": _commit,
    "approval": _approval,
    "reason": _reason,
    "review_result": _review_result,
    "evidence": _evidence,
    "review_reference": _review_reference,
}
