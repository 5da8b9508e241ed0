"""`moonmind tasks move-task`: moves that are refused, in the order of the guards; then what never comes so far."""

from __future__ import annotations

from typing import Any

from tests.golden.case import Case
from tests.golden.cases.move_task import FEEDBACK, REJECT, SELF


def _case(name: str, line: str, repository: str = "board", code: int = 1, **rest: Any) -> Case:
    return Case(name, repository, f"tasks move-task {line}".strip(), code, **rest)


_FORCE = "--agent pat --note 'never mind' --force"

GUARDS = (
    _case("own-work-without-flag", "WP06 --to approved --agent rob --reviewer ann --intended-reviewer rob "
          "--reviewer-failure-reason 'rob is away'"),
    _case("own-work", "WP06 --to approved --agent rob --reviewer ann"),
    _case("own-work-flag-alone", "WP06 --to approved --agent ann --self-review-fallback "
          "--reviewer-failure-reason 'rob is away'"),
    _case("own-work-no-reason", "WP05 --to approved --agent ann --self-review-fallback --intended-reviewer rob"),
    _case("self-review-of-no-review", f"WP02 --to claimed --agent ann {SELF}"),
    _case("feedback-not-used", "WP06 --to approved --agent rob --review-feedback-file feedback.md", extra=FEEDBACK),
    _case("options-not-used", "WP04 --to in_progress --agent ann --assignee bob --tracker-ref '#1' --note hallo"),
    _case("forced-to-where-it-is", "WP04 --to in_progress --agent pat --note 'ann is ill' --force"),
    _case("options-lost", "WP02 --to claimed --agent ann --assignee bob", "coordination-protected"),
    _case("tracker-lost", "WP02 --to claimed --agent ann --tracker-ref '#12'", "coordination-protected"),
    _case("protected", "WP02 --to claimed --agent ann", "protected"),
    _case("protected-forced", f"WP02 --to claimed {_FORCE}", "protected"),
    _case("detached", "WP02 --to claimed --agent ann", "detached"),
    _case("another-holder", "WP04 --to for_review --agent eve"),
    _case("another-holder-claimed", "WP03 --to in_progress --agent eve"),
    _case("another-holder-in-review", "WP06 --to claimed --agent eve"),
    _case("rejected-verdict", "WP18 --to approved --agent ann --reviewer rob --approval-ref '#31' --note so"),
    _case("rejected-verdict-without-note",
          "WP18 --to approved --agent ann --reviewer rob --approval-ref '#31' --skip-review-artifact-check"),
    _case("unreadable-verdict", "WP13 --to approved --agent rob"),
    _case("unreadable-verdict-forced", f"WP13 --to approved {_FORCE}"),
    _case("feedback-missing", f"WP06 {REJECT}"),
    _case("feedback-empty", f"WP06 {REJECT}", extra=(("feedback.md", ""),)),
    _case("feedback-missing-forced", f"WP06 --to planned {_FORCE} --review-feedback-file feedback.md"),
    _case("reject-without-feedback", "WP06 --to planned --agent rob"),
    _case("reject-without-feedback-forced", f"WP06 --to planned {_FORCE}"),
    _case("reject-to-the-claim-without-feedback", "WP06 --to claimed --agent ann"),
    _case("approval-taken-back-without-reference", "WP07 --to in_review --agent rob"),
    _case("approved-back-without-reference", "WP07 --to in_progress --agent ann"),
    _case("open-subtasks", "WP11 --to for_review --agent ann"),
    _case("target-missing", "WP04 --to for_review --agent ann", "no-target"),
    _case("target-missing-at-done", "WP07 --to done --agent ann", "no-target"),
    _case("branch-gone", "WP21 --to for_review --agent ann"),
    _case("branch-gone-not-merged", "WP17 --to done --agent ann", "work-branch-deleted"),
    _case("uncommitted", "WP14 --to for_review --agent ann"),
    _case("behind", "WP15 --to for_review --agent ann"),
    _case("nothing-beyond-base", "WP16 --to for_review --agent ann"),
    _case("not-merged", "WP17 --to done --agent ann"),
)  # fmt: skip

EDGES = (
    _case("from-done", "WP01 --to in_progress --agent ann --note 'once more'"),
    _case("from-canceled", "WP09 --to planned --agent ann --note 'once more'"),
    _case("not-forced", "WP02 --to for_review --agent pat --note 'done on paper'"),
    _case("blocked-to-done", "WP08 --to done --agent ann"),
    _case("approve-from-work-alone", "WP04 --to approved --agent ann --reviewer rob"),
    _case("give-back-silently", "WP04 --to planned --agent ann"),
    _case("force-without-note", "WP02 --to done --agent pat --force"),
    _case("force-without-agent", "WP02 --to done --note 'never mind' --force"),
    _case("arbiter-without-category", f"WP10 --to in_progress {_FORCE}"),
    _case("arbiter-unknown-category", "WP10 --to in_progress --agent pat --note '[whim] because' --force"),
    _case("arbiter-without-text", "WP10 --to in_progress --agent pat --note '[custom]' --force"),
    _case("work-without-reviewer", "WP04 --to approved --agent rob --approval-ref '#31'"),
    _case("own-work-by-silence", "WP04 --to approved --agent ann --approval-ref '#31'"),
    _case("nobody", "WP02 --to claimed", "nameless"),
    _case("nothing-committed-at-all", "WP03 --to for_review --agent ann --no-auto-commit", "unborn"),
    _case("start-detached", "WP03 --to in_progress --agent ann --no-auto-commit", "detached"),
)  # fmt: skip

BROKEN = (
    _case("no-such-package", "WP99 --to claimed --agent ann"),
    _case("broken-log", "WP02 --to claimed --agent ann", "broken-log"),
    _case("broken-front", "WP01 --to claimed --agent ann", "broken-front"),
    _case("owned-outside", "WP01 --to claimed --agent ann", "owned-outside"),
    _case("broken-meta", "WP01 --to claimed --agent ann", "broken-meta"),
    _case("broken-tasks", "WP01 --to claimed --agent ann", "broken-tasks"),
)

USAGE = (
    _case("no-words", "", code=2),
    _case("no-package", "--to claimed --agent ann", code=2),
    _case("no-lane", "WP03 --agent ann", code=2),
    _case("unknown-lane", "WP02 --to finished", code=2),
    _case("ambiguous", "WP01 --to claimed", "two", code=2),
    _case("no-mission", "WP01 --to claimed", "empty", code=2),
    _case("no-repository", "WP01 --to claimed", "outside", code=2),
)

CASES = (
    *GUARDS,
    *EDGES,
    *BROKEN,
    *USAGE,
    _case("doubtful-reviewer", "WP06 --to approved --agent rob --intended-reviewer eve"),
    _case("doubtful-reason", "WP06 --to approved --agent rob --reviewer-failure-reason ill"),
)
