"""Options that do not go together, or that nothing would be made of."""

from __future__ import annotations

from moonmind.missions.errors import Refusal
from moonmind.missions.transition.move_case import MoveCase, refuse, take_over

_KEPT = (
    "moonmind tasks add-history {wp} --note TEXT keeps a note, moonmind tasks map-requirements --wp {wp} "
    "--tracker-ref REF a reference, the front matter of its file the rest"
)


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


def nothing_is_lost(case: MoveCase) -> Refusal | None:
    """Of a move to where the package is: nothing is written, so nothing may have been said."""
    asked = case.request
    given = {
        "--assignee": asked.assignee,
        "--shell-pid": asked.shell_pid,
        "--note": asked.note,
        "--approval-ref": asked.approval_ref,
        "--reviewer": asked.reviewer,
        "--intended-reviewer": asked.intended_reviewer,
        "--reviewer-failure-reason": asked.reviewer_failure_reason,
        "--done-override-reason": asked.done_override_reason,
        "--tracker-ref": asked.tracker_refs,
    }
    lost = [option for option, value in given.items() if value]
    if not lost:
        return None
    keeps = f"{_KEPT.format(wp=asked.wp_id)}. Or leave them out"
    instead = f"to take it over: {take_over(case)}" if asked.force and case.is_anothers else keeps
    message = f"{asked.wp_id} is {case.lane} already, and {', '.join(lost)} would be lost: {instead}"
    return refuse("OptionsNotUsed", message, options=lost)
