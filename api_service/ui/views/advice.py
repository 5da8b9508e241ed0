"""What to do about a refusal, for whoever uses the pages: the API's own advice speaks of calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from api_service.api.problems import Problem

ADVICE: Mapping[str, str] = {
    "not_authenticated": "Sign in with a key.",
    "not_allowed": "Ask an admin for a key with that role, then sign in with it.",
    "not_found": "The address may be mistyped, or what was there is gone.",
    "method_not_allowed": "Use the forms of the pages.",
    "run_not_found": "The list of runs has all that there are.",
    "run_over": "The page shows how it ended.",
    "run_not_over": "Wait for its end, or cancel it first.",
    "not_resumable": "Choose another step to begin at, or ask for a new run.",
    "inputs_changed": "Begin at analyze: it looks again and makes a new plan.",
    "idempotency_conflict": "This form was sent before with something else in it. Open it anew.",
    "not_awaiting": "Somebody may have answered before you; the page shows where it stands.",
    "role_not_held": "Ask an admin for a key with that role, or leave the answer to whoever has one.",
    "role_not_asked": "Leave the answer to whoever has one of these roles.",
    "self_approval": "Ask somebody else to look at it.",
    "approval_expired": "The run ends by itself. Retry it, and it asks again.",
    "answered_before": "Take your earlier answer back first.",
    "token_invalid": "Ask whoever approved the preview for a new token.",
    "token_of_another_run": "Use the token of this very preview.",
    "token_of_another_person": "Ask for a token of your own.",
    "plan_changed": "Look at the change as it is now, then decide again.",
    "too_late": "Cancel the run: it is stopped, and what it did is undone.",
    "approval_not_found": "It may have been taken back already.",
    "last_admin": "Make another admin's key first, then revoke this one.",
    "key_not_found": "The list has all keys that there are.",
    "database_unavailable": "Runs that are on go on. This page can be loaded again in a moment.",
    "internal_error": "The service's log says more; please report it.",
    "invalid_request": "Check the address, or start from the list.",
}


def advice_for(code: str, otherwise: str) -> str:
    """The pages' advice, or the API's."""
    return ADVICE.get(code, otherwise)


@dataclass(frozen=True, slots=True)
class Refused:
    """What was refused and what to do, above the page it was refused on."""

    detail: str
    remediation: str


def advised(problem: Problem | None) -> Refused | None:
    """A problem in the pages' words."""
    if problem is None:
        return None
    detail = problem.detail[:1].upper() + problem.detail[1:]
    return Refused(detail, advice_for(problem.error, problem.remediation))
