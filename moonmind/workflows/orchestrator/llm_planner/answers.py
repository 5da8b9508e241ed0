"""A model's answer, read strictly: from the bytes of either API's response to edits of the vocabulary. Pure."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from moonmind.schemas.workflow_models import Edit, EditKind
from moonmind.workflows.orchestrator.llm_planner.prompt import TOOL
from moonmind.workflows.orchestrator.planners.proposals import (
    MOST_CHARACTERS,
    MOST_EDITS,
    MOST_RATIONALE,
    Draft,
    PlannerFailedError,
)

Short = Annotated[str, StringConstraints(max_length=255)]
Text = Annotated[str, StringConstraints(max_length=MOST_CHARACTERS)]


Shape = TypeVar("Shape", bound=BaseModel)


class AnswerError(Exception):
    """An answer that is not as it was asked for; the message is for the model, which may try again."""


class ProposedEdit(BaseModel):
    """One change of one file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: EditKind
    file: Annotated[str, StringConstraints(min_length=1, max_length=255)] = Field(description="relative, with `/`")
    name: Short | None = Field(None, description="the package or image; of every kind but text_replace")
    version: Short | None = Field(None, description="of a requirement with its operator, such as ==3.1.0")
    old: Text | None = Field(None, description="of a text_replace: whole lines that stand in the file exactly once")
    new: Text | None = Field(None, description="of a text_replace: what comes in their place")
    reason: Annotated[str, StringConstraints(max_length=500)] = Field(description="why, in one sentence")


class Answer(BaseModel):
    """The edits that repair the failure, and why; without edits, why none is safe."""

    model_config = ConfigDict(extra="forbid", strict=True)

    edits: list[ProposedEdit] = Field(max_length=MOST_EDITS)
    rationale: Annotated[str, StringConstraints(max_length=MOST_RATIONALE)]


def answer_schema() -> dict[str, Any]:
    """The tool's parameters as JSON schema."""
    return Answer.model_json_schema()


def read_answer(arguments: str) -> Draft:
    """The arguments of the tool's call. Raises AnswerError that names what is wrong."""
    try:
        answer = Answer.model_validate_json(arguments)
    except ValidationError as error:
        wrong = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()[:5]]
        raise AnswerError("; ".join(wrong)[:500]) from None
    return Draft(tuple(Edit(**one.model_dump()) for one in answer.edits), answer.rationale)


class _Loose(BaseModel):
    """The little that is read of a response; APIs add fields at any time."""

    model_config = ConfigDict(extra="ignore")


class _Function(_Loose):
    name: str
    arguments: str


class _ToolCall(_Loose):
    function: _Function


class _Message(_Loose):
    tool_calls: list[_ToolCall] | None = None
    refusal: str | None = None


class _Choice(_Loose):
    message: _Message
    finish_reason: str | None = None


class _Completion(_Loose):
    choices: list[_Choice] = Field(min_length=1)


def read_completion(body: bytes) -> str:
    """The call's arguments in a response of OpenAI's chat completions. Raises AnswerError, PlannerFailedError."""
    choice = _parsed(_Completion, body).choices[0]
    _check_ending(choice.finish_reason, choice.message.refusal)
    calls = [call.function for call in choice.message.tool_calls or [] if call.function.name == TOOL]
    if len(calls) != 1:
        raise AnswerError(f"there must be one call of {TOOL}, not {len(calls)}")
    return calls[0].arguments


class _Block(_Loose):
    type: str
    name: str | None = None
    input: Any = None


class _AnthropicMessage(_Loose):
    type: Literal["message"]
    content: list[_Block]
    stop_reason: str | None = None


def read_message(body: bytes) -> str:
    """The call's arguments in a response of Anthropic's messages. Raises AnswerError, PlannerFailedError."""
    message = _parsed(_AnthropicMessage, body)
    _check_ending(message.stop_reason, None)
    calls = [block.input for block in message.content if block.type == "tool_use" and block.name == TOOL]
    if len(calls) != 1:
        raise AnswerError(f"there must be one call of {TOOL}, not {len(calls)}")
    return json.dumps(calls[0])


def _parsed(shape: type[Shape], body: bytes) -> Shape:
    try:
        return shape.model_validate_json(body)
    except ValidationError:
        raise PlannerFailedError("the endpoint answered 200 with something that is not its API's answer") from None


def _check_ending(reason: str | None, refusal: str | None) -> None:
    """`length`, `max_tokens`: cut; `content_filter`, `refusal`: refused (the references of both APIs)."""
    if refusal or reason in ("content_filter", "refusal"):
        raise PlannerFailedError(f"the model refused to answer{': ' + refusal[:200] if refusal else ''}")
    if reason == "model_context_window_exceeded":
        raise PlannerFailedError("the service's files and logs are too long for the model")
    if reason in ("length", "max_tokens"):
        raise PlannerFailedError("the answer was cut at its longest: raise planners.llm.max_output")
