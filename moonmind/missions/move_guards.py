"""What stands against a move before the table is asked. The order is part of what is promised: the first one wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from moonmind.missions import option_guards, review_guards, work_guards
from moonmind.missions.errors import Refusal
from moonmind.missions.move_case import MoveCase

Guard = Callable[[MoveCase], Refusal | None]

OPTIONS: tuple[Guard, ...] = (
    option_guards.self_review_flags,
    option_guards.force_is_explained,
    option_guards.feedback_is_used,
)
"""Options that do not go together: refused wherever the package is."""

GUARDS: tuple[Guard, ...] = (
    review_guards.flags_are_used,
    review_guards.own_work,
    work_guards.lost_options,
    work_guards.protected_branch,
    work_guards.another_holder,
    review_guards.unreadable_verdict,
    review_guards.arbiter_category,
    review_guards.rejected_verdict,
    review_guards.feedback_file,
    review_guards.planned_without_feedback,
    work_guards.open_subtasks,
    work_guards.review_currency,
    work_guards.not_merged,
)

PASSED_BY_FORCE: frozenset[Guard] = frozenset(
    {
        review_guards.own_work,
        work_guards.another_holder,
        review_guards.rejected_verdict,
        work_guards.open_subtasks,
        work_guards.review_currency,
        work_guards.not_merged,
    }
)


def first_refusal(guards: Sequence[Guard], case: MoveCase) -> Refusal | None:
    """Of those that count: force passes some."""
    counting = (guard for guard in guards if not (case.request.force and guard in PASSED_BY_FORCE))
    return next((refusal for guard in counting if (refusal := guard(case))), None)
