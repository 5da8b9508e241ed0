"""An answer that is given on a page: it counts for the plan that the page showed, and for no other."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import StringConstraints

from api_service.api.approval_schemas import Remark
from api_service.api.context import Context
from api_service.api.strict_json import Body
from api_service.ui.visitors import Visitor
from moonmind.schemas.approvals import Answer
from moonmind.workflows.orchestrator.approvals import (
    ApprovalRefusedError,
    ApprovalRequest,
    ApprovalToken,
    answer_approval,
    issue_token,
)
from moonmind.workflows.orchestrator.gates import Refusal


class AnswerForm(Body):
    """`plan_digest`: of the plan that was looked at."""

    decision: Answer
    comment: Remark | None = None
    plan_digest: Annotated[str, StringConstraints(min_length=1, max_length=128)]


def give_answer(context: Context, run: UUID, visitor: Visitor, sent: AnswerForm) -> None:
    """With a token of its own, made now and used at once. Raises ApprovalRefusedError."""
    seconds = context.settings.api.approval_token_ttl
    token = issue_token(context.tools, run, visitor.approver, seconds)
    if token.plan_digest != sent.plan_digest:
        raise ApprovalRefusedError(Refusal("plan_changed", "the plan is not the one that you looked at"))
    request = ApprovalRequest(
        approver=visitor.owner,
        role=token.role,
        token=ApprovalToken(token.id),
        decision=sent.decision,
        comment=sent.comment,
    )
    answer_approval(context.tools, run, request, visitor.approver)
