"""What reviews stand against: whose word counts, the last verdict, and that a rejection says something."""

from __future__ import annotations

from moonmind.missions.errors import Refusal
from moonmind.missions.move_case import APPROVING, ENDING, REVIEWED, MoveCase, refuse


def flags_are_used(case: MoveCase) -> Refusal | None:
    """The flags of a review by oneself are kept in its result only."""
    decides = case.is_rejection or any(step in APPROVING | ENDING for step in case.steps)
    if case.request.self_review_fallback and not decides:
        return refuse(
            "SelfReviewFlags",
            "this move decides no review: give --self-review-fallback, --intended-reviewer and "
            "--reviewer-failure-reason with the one that does",
        )
    return None


def own_work(case: MoveCase) -> Refusal | None:
    """Rejecting one's own work needs no excuse."""
    approves = any(step in APPROVING for step in case.steps)
    own = case.reviewer is not None and case.reviewer == case.holder
    if approves and own and not case.request.self_review_fallback:
        return refuse(
            "SelfReview",
            f"{case.reviewer} holds {case.request.wp_id} and would approve it: name who reviewed it with --reviewer, "
            "or add --self-review-fallback, --intended-reviewer and --reviewer-failure-reason",
        )
    return None


def unreadable_verdict(case: MoveCase) -> Refusal | None:
    """Nothing helps: it may have been a rejection."""
    if case.facts.review_file == "unreadable" and _leads_to_approval(case):
        return refuse(
            "UnreadableVerdict",
            f"the newest review-cycle file of {case.request.wp_id} cannot be read: mend its front matter or take it "
            "from the last commit; a rejection with --review-feedback-file writes a new one",
        )
    return None


def arbiter_category(case: MoveCase) -> Refusal | None:
    """So that overrides can be counted by what was wrong with the review."""
    if case.is_arbiter_override and not case.arbiter:
        return refuse(
            "ArbiterCategoryRequired",
            f"a reviewer rejected {case.request.wp_id}: begin --note with why that does not count, one of "
            "[pre_existing_failure] [wrong_context] [cross_scope] [infra_environmental] [custom], and go on after it",
        )
    return None


def rejected_verdict(case: MoveCase) -> Refusal | None:
    """It stands until the package has been in review again."""
    asked = case.request
    passed = asked.skip_review_artifact_check and asked.note
    if case.facts.state.is_rejected and _leads_to_approval(case) and not passed:
        return refuse(
            "RejectedVerdict",
            f"the last review rejected {asked.wp_id}: move it --to in_review and review it anew, or add "
            "--skip-review-artifact-check and say why with --note",
        )
    return None


def feedback_file(case: MoveCase) -> Refusal | None:
    """Of any move: what was named is not there."""
    if case.facts.feedback == "missing":
        return refuse(
            "FeedbackFileMissing",
            "--review-feedback-file names no text file, or an empty or too large one: write down what is to be mended "
            "and name that file",
        )
    return None


def planned_without_feedback(case: MoveCase) -> Refusal | None:
    """Force does not help: who takes it up again would not know what to do."""
    if case.request.to == "planned" and case.lane in REVIEWED and not case.has_feedback:
        return feedback_required(case)
    return None


def feedback_required(case: MoveCase) -> Refusal:
    """Of a rejection that says nothing."""
    return refuse(
        "FeedbackRequired",
        f"a move of {case.request.wp_id} from {case.lane} to {case.request.to} is a rejection: write down what is to "
        "be mended and name the file with --review-feedback-file",
    )


def _leads_to_approval(case: MoveCase) -> bool:
    return case.request.to in ("approved", "done") and bool(case.steps)
