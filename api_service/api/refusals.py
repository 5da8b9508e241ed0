"""What use cases refuse, as problems: one place, so that every route says the same about the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from api_service.api.problems import Problem, as_response, problem_of
from moonmind.access.use_cases import LastAdminError, OwnerInOtherLettersError
from moonmind.workflows.orchestrator.approvals import ApprovalRefusedError, RunNotFoundError
from moonmind.workflows.orchestrator.retry import NotResumableError, RunNotOverError
from moonmind.workflows.orchestrator.service_profiles import UnknownServiceError
from moonmind.workflows.orchestrator.use_cases import IdempotencyConflictError, RunOverError

APPROVAL_REMEDIES: Mapping[str, str] = {
    "not_the_approver": "Send your own name as `approver.id`; the others answer with keys of their own.",
    "not_awaiting": "GET the run: `status` and `failure` say where it stands.",
    "role_not_held": "Ask an admin for a key with that role, or leave the answer to whoever has one.",
    "role_not_asked": "Answer in one of the roles that this names, or leave it to whoever has one.",
    "self_approval": "Ask somebody else; only an admin changes the service's approval gate.",
    "approval_expired": "The run ends by itself. Retry it, and it asks again.",
    "answered_before": "DELETE your earlier approval (GET the run for its `approval_id`), then answer anew.",
    "expires_in_the_past": "Send a later `expires_at`, or leave it out.",
    "token_invalid": "POST to the run's approval-tokens for a new one; each opens one gate once.",
    "token_of_another_run": "POST to approval-tokens of the run that you mean, and use that token.",
    "token_of_another_person": "POST to approval-tokens with your own key, for the role in which you answer.",
    "plan_changed": "Look at the run's diff as it is now, then get a new token.",
    "too_late": "POST to the run's cancel: it is stopped, and what it did is undone.",
}
"""What to do about each reason for which an answer does not count."""


def install(app: FastAPI) -> None:
    """Answer what use cases raise."""
    for kind, translate in _PROBLEMS.items():
        app.add_exception_handler(kind, _answering(translate))


def refusal_of(error: Exception) -> Problem:
    """What a use case's refusal, or any other error, is to whoever asked."""
    translate = next((_PROBLEMS[kind] for kind in type(error).__mro__ if kind in _PROBLEMS), problem_of)
    return translate(error)


def _answering(translate: Callable[[Any], Problem]) -> Callable[[Request, Exception], Any]:
    async def answer(request: Request, error: Exception) -> JSONResponse:
        return as_response(translate(error), request.url.path)

    return answer


def _approval_refused(error: ApprovalRefusedError) -> Problem:
    refusal = error.refusal
    return Problem(403 if refusal.forbidden else 409, refusal.code, refusal.reason, APPROVAL_REMEDIES[refusal.code])


def _not_resumable(error: NotResumableError) -> Problem:
    refusal = error.refusal
    if refusal.files:
        remedy = "Send `resume_from_step: analyze` for a new plan, or put those files back as they were."
        return Problem(409, refusal.code, refusal.reason, remedy, files=list(refusal.files))
    return Problem(409, refusal.code, refusal.reason, "Send another `resume_from_step`, or POST a new run.")


def unknown_service(error: UnknownServiceError, status: int = 400) -> Problem:
    """With the services that there are; 404 where the service is part of the path."""
    known = list(error.known)
    remedy = f"Known services: {', '.join(known) or 'none; add one to config.toml'}."
    return Problem(status, "unknown_service", str(error), remedy, known_services=known)


def _run_not_found(error: RunNotFoundError) -> Problem:
    return Problem(404, "run_not_found", "there is no such run", "GET /orchestrator/runs lists the runs.")


def _run_not_over(error: RunNotOverError) -> Problem:
    remedy = "Wait until `completed_at` is set, or POST to the run's cancel first."
    return Problem(409, "run_not_over", "the run has not ended yet", remedy)


def _run_over(error: RunOverError) -> Problem:
    return Problem(409, "run_over", "the run has ended", "GET the run to see how.")


def _idempotency_conflict(error: IdempotencyConflictError) -> Problem:
    return Problem(409, "idempotency_conflict", "this Idempotency-Key came with another request", "Use a new key.")


def _last_admin(error: LastAdminError) -> Problem:
    remedy = "Make another admin key first (POST /keys, `moonmind keys create`), then revoke this one with it."
    return Problem(409, "last_admin", "this is the last valid key of an admin", remedy)


def _owner_in_other_letters(error: OwnerInOtherLettersError) -> Problem:
    remedy = f"Write {error.known} for the same person, or choose another name for another one."
    return Problem(409, "owner_in_other_letters", str(error), remedy)


_PROBLEMS: Mapping[type[Exception], Callable[[Any], Problem]] = {
    ApprovalRefusedError: _approval_refused,
    NotResumableError: _not_resumable,
    UnknownServiceError: unknown_service,
    RunNotFoundError: _run_not_found,
    RunNotOverError: _run_not_over,
    RunOverError: _run_over,
    IdempotencyConflictError: _idempotency_conflict,
    LastAdminError: _last_admin,
    OwnerInOtherLettersError: _owner_in_other_letters,
}
