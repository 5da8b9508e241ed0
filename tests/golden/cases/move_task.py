"""`moonmind tasks move-task`: moves that are made."""

from __future__ import annotations

from typing import Any

from tests.golden.case import Case

FEEDBACK = (("feedback.md", "The empty line is not handled.\n"),)
REJECT = "--to planned --agent rob --review-feedback-file feedback.md"
SELF = "--reviewer ann --self-review-fallback --intended-reviewer rob --reviewer-failure-reason 'rob is away'"


def _case(name: str, line: str, repository: str = "board", **rest: Any) -> Case:
    return Case(name, repository, f"tasks move-task {line}", **rest)


FORWARD = (
    _case("claim", "WP02 --to claimed --agent ann", shows=("task_id",), unlike="no-package"),
    _case("claim-by-whoever-git-names", "WP02 --to claimed"),
    _case("claim-agent", "WP02 --to claimed --agent kim", shows=("agent",), unlike="claim-by-whoever-git-names"),
    _case("assignee", "WP02 --to claimed --agent ann --assignee bob", shows=("assignee",), unlike="claim"),
    _case("shell-pid", "WP02 --to claimed --agent ann --shell-pid 4711", shows=("shell_pid",), unlike="claim"),
    _case("note", "WP02 --to claimed --agent ann --note 'begins on Monday'", shows=("note",), unlike="claim"),
    _case("tracker-ref", "WP02 --to claimed --agent ann --tracker-ref '#12' --tracker-ref ABC-3",
          shows=("tracker_refs",), unlike="claim"),
    _case("no-auto-commit", "WP02 --to claimed --agent ann --no-auto-commit", shows=("auto_commit",), unlike="claim"),
    _case("start", "WP03 --to in_progress --agent ann", shows=("to",), unlike="no-lane"),
    _case("start-by-alias", "WP03 --to doing --agent ann"),
    _case("two-hops", "WP02 --to in_progress --agent ann"),
    _case("hand-over", "WP04 --to for_review --agent ann"),
    _case("begin-review", "WP05 --to in_review --agent rob"),
    _case("approve-in-review", "WP06 --to approved --agent rob"),
    _case("approve-by-reviewer", "WP06 --to approved --agent rob --reviewer eve",
          shows=("reviewer",), unlike="approve-in-review"),
    _case("approve-with-reference", "WP06 --to approved --agent rob --approval-ref '#31'",
          shows=("approval_ref",), unlike="approve-in-review"),
    _case("approve-from-work", "WP04 --to approved --agent ann --reviewer rob --approval-ref '#31'"),
    _case("approve-over-hops", "WP05 --to approved --agent rob"),
    _case("done", "WP07 --to done --agent ann"),
    _case("done-override", "WP17 --to done --agent ann --done-override-reason 'squashed by hand'",
          shows=("done_override_reason",), unlike="not-merged"),
    _case("done-branch-deleted", "WP07 --to done --agent ann", "merged-branch-deleted"),
    _case("handed-over-after-rebase", "WP04 --to for_review --agent ann", "rebased"),
    _case("not-asked-for-the-target", "WP05 --to in_review --agent rob", "no-target"),
    _case("done-of-papers", "WP19 --to done --agent ann"),
    _case("papers-handed-over", "WP12 --to for_review --agent ann"),
    _case("review-of-own-work", f"WP06 --to approved --agent rob {SELF}",
          shows=("self_review_fallback",), unlike="own-work-without-flag"),
    _case("own-work-reviewer-away", "WP06 --to approved --agent ann --self-review-fallback --intended-reviewer rob "
          "--reviewer-failure-reason 'rob is away'", shows=("intended_reviewer",), unlike="own-work-flag-alone"),
    _case("own-work-over-hops", "WP05 --to approved --agent ann --self-review-fallback --intended-reviewer rob "
          "--reviewer-failure-reason 'rob is away'", shows=("reviewer_failure_reason",), unlike="own-work-no-reason"),
    _case("again-approved",
          "WP18 --to approved --agent ann --reviewer rob --approval-ref '#31' --skip-review-artifact-check --note so",
          shows=("skip_review_artifact_check",), unlike="rejected-verdict"),
    _case("second-review", "WP18 --to in_review --agent ann"),
    _case("clock-behind-the-log", "WP02 --to claimed --agent ann", "future"),
    _case("log-with-aliases", "WP04 --to for_review --agent ann", "doing"),
)  # fmt: skip

BESIDE = (
    _case("unchanged", "WP04 --to in_progress --agent ann"),
    _case("taken-by-another", "WP04 --to in_progress --agent bob", code=1),
    _case("block", "WP04 --to blocked --agent ann --note 'waits for the printer'"),
    _case("block-planned", "WP02 --to blocked"),
    _case("block-in-review", "WP06 --to blocked --agent rob --note 'the build is broken'"),
    _case("unblock", "WP08 --to in_progress --agent ann"),
    _case("cancel", "WP03 --to canceled --agent ann"),
    _case("give-back", "WP04 --to planned --agent ann --note 'no time'", shows=("note",), unlike="give-back-silently"),
    _case("rewind-claimed", "WP03 --to planned --agent ann --note 'no time'"),
    _case("reject", f"WP06 {REJECT}", extra=FEEDBACK,
          shows=("review_feedback_file",), unlike="reject-without-feedback"),
    _case("reject-for-review", f"WP05 {REJECT}", extra=FEEDBACK),
    _case("reject-approved", f"WP07 {REJECT}", extra=FEEDBACK),
    _case("reject-approved-by-reference", f"WP07 {REJECT} --approval-ref '#31'", extra=FEEDBACK),
    _case("reject-to-work", "WP06 --to in_progress --agent rob --review-feedback-file feedback.md", extra=FEEDBACK),
    _case("reject-to-the-claim", "WP06 --to claimed --agent ann --review-feedback-file feedback.md", extra=FEEDBACK),
    _case("review-given-back", "WP06 --to for_review --agent rob"),
    _case("approval-taken-back", "WP07 --to in_review --agent rob --approval-ref '#31'"),
    _case("reject-again", "WP18 --to planned --agent rob --note 'no' --force --review-feedback-file feedback.md",
          extra=FEEDBACK),
    _case("forced", "WP02 --to for_review --agent pat --note 'done on paper' --force",
          shows=("force",), unlike="not-forced"),
    _case("forced-takes-over-review", "WP06 --to claimed --agent pat --note 'ann is ill' --force"),
    _case("forced-takes-over-claimed", "WP03 --to planned --agent pat --note 'ann is ill' --force"),
    _case("forced-takes-over", "WP04 --to claimed --agent pat --note 'ann is ill' --force"),
    _case("forced-revival", "WP09 --to planned --agent pat --note 'wanted after all' --force"),
    _case("back-by-reference", "WP07 --to in_progress --agent ann --approval-ref '#31'"),
    _case("forced-to-done", "WP06 --to done --agent pat --note 'never mind' --force"),
    _case("arbiter", "WP10 --to in_progress --agent pat --note '[wrong_context] another branch' --force"),
)  # fmt: skip

COORDINATED = (
    _case("coordinated-claim", "WP02 --to claimed --agent ann", "coordination"),
    _case("coordinated-uncommitted", "WP02 --to claimed --agent ann --no-auto-commit", "coordination"),
    _case("coordinated-reject", f"WP06 {REJECT}", "coordination", extra=FEEDBACK),
    _case("protected-primary", "WP02 --to claimed --agent ann", "coordination-protected"),
    _case("protected-primary-uncommitted", "WP02 --to claimed --agent ann --no-auto-commit", "coordination-protected"),
    _case("protected-primary-reject", f"WP06 {REJECT}", "coordination-protected", extra=FEEDBACK),
    _case("protected-uncommitted", "WP02 --to claimed --agent ann --no-auto-commit", "protected",
          shows=("auto_commit",), unlike="protected"),
    _case("one-of-two", "WP01 --to claimed --mission 8", "two", shows=("mission",), unlike="ambiguous"),
)  # fmt: skip

CASES = (*FORWARD, *BESIDE, *COORDINATED)
