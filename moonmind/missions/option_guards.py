"""Options that do not go together."""

from __future__ import annotations

from moonmind.missions.errors import Refusal
from moonmind.missions.move_case import MoveCase, refuse


def self_review_flags(case: MoveCase) -> Refusal | None:
    """The three say together who should have reviewed, and why somebody else did."""
    asked = case.request
    given = (asked.self_review_fallback, asked.intended_reviewer, asked.reviewer_failure_reason)
    if any(given) and not all(given):
        return refuse(
            "SelfReviewFlags",
            "a review of one's own work needs all three of --self-review-fallback, --intended-reviewer and "
            "--reviewer-failure-reason: add what is missing, or leave all three out",
        )
    return None


def force_is_explained(case: MoveCase) -> Refusal | None:
    """Whoever reads the log later wants to know who and why; git's user.name is not enough."""
    if case.request.force and not (case.request.agent and case.request.note):
        return refuse("ForceUnexplained", "--force is recorded with who and why: add --agent and --note")
    return None


def feedback_is_used(case: MoveCase) -> Refusal | None:
    """Somebody wrote a text: it is kept, or they are told."""
    if case.has_feedback and not case.is_rejection:
        return refuse(
            "FeedbackNotUsed",
            f"a move of {case.request.wp_id} from {case.lane} to {case.request.to} rejects nothing, and the feedback "
            "would be lost: leave --review-feedback-file out, or move it --to planned",
        )
    return None
