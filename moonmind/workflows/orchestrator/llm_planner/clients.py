"""The two styles of endpoint, each through its own kept client. No retries: the next run asks again.

What is known of both comes from their public API references (chat completions; messages).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from moonmind.utils.text import printable
from moonmind.workflows.orchestrator.health_targets import TargetRefusedError, resolve, targets_of
from moonmind.workflows.orchestrator.llm_planner.answers import answer_schema, read_completion, read_message
from moonmind.workflows.orchestrator.llm_planner.prompt import TOOL, Turn
from moonmind.workflows.orchestrator.planners.proposals import PlannerFailedError

RESOLVE_SECONDS = 5.0
_ABOUT = "Propose the edits that repair the service."


class Model(Protocol):
    """One model behind an endpoint."""

    def ask(self, system: str, turns: Sequence[Turn], seconds: float) -> str:
        """The arguments of the model's tool call, as JSON. Raises AnswerError when there is no such call,
        PlannerFailedError when there is no answer within `seconds` or none that could be used."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is. `url` as its client takes it: OpenAI's ends in `/v1`, Anthropic's has no path.

    `key`: None where none is asked for. `max_output`: tokens.
    """

    style: Literal["openai", "anthropic"]
    url: str
    model: str
    key: str | None
    max_output: int


@dataclass(frozen=True, slots=True)
class OpenAiModel:
    """`Model` by chat completions with one function that must be called."""

    endpoint: Endpoint

    def ask(self, system: str, turns: Sequence[Turn], seconds: float) -> str:
        import openai

        own = self.endpoint
        tool = {"name": TOOL, "description": _ABOUT, "parameters": answer_schema()}
        body = {
            "model": own.model,
            "messages": [
                {"role": "system", "content": system},
                *({"role": "assistant" if one.by_model else "user", "content": one.text} for one in turns),
            ],
            "tools": [{"type": "function", "function": tool}],
            "tool_choice": {"type": "function", "function": {"name": TOOL}},
            "max_completion_tokens": own.max_output,
        }
        with _failures_told(openai, seconds), _http(own, seconds) as http:
            client = openai.OpenAI(
                api_key=own.key or "none", base_url=own.url, max_retries=0, timeout=seconds, http_client=http
            )
            return read_completion(_body(client.chat.completions.with_raw_response.create, body))


@dataclass(frozen=True, slots=True)
class AnthropicModel:
    """`Model` by messages with one tool that must be used."""

    endpoint: Endpoint

    def ask(self, system: str, turns: Sequence[Turn], seconds: float) -> str:
        import anthropic

        own = self.endpoint
        body = {
            "model": own.model,
            "max_tokens": own.max_output,
            "system": system,
            "messages": [{"role": "assistant" if one.by_model else "user", "content": one.text} for one in turns],
            "tools": [{"name": TOOL, "description": _ABOUT, "input_schema": answer_schema()}],
            "tool_choice": {"type": "tool", "name": TOOL, "disable_parallel_tool_use": True},
        }
        with _failures_told(anthropic, seconds), _http(own, seconds) as http:
            client = anthropic.Anthropic(
                api_key=own.key or "none",
                base_url=own.url,
                max_retries=0,
                timeout=seconds,
                http_client=http,
                open_telemetry=False,
            )
            return read_message(_body(client.messages.with_raw_response.create, body))


def make_model(endpoint: Endpoint) -> Model:
    """The client of the endpoint's style."""
    return OpenAiModel(endpoint) if endpoint.style == "openai" else AnthropicModel(endpoint)


def _body(create: Callable[..., Any], body: Mapping[str, Any]) -> bytes:
    """The raw answer: it is read strictly by us, and loosely by nobody."""
    content: bytes = create(**body).http_response.read()
    return content


@contextmanager
def _http(endpoint: Endpoint, seconds: float) -> Iterator[Any]:
    """A connection for one question, to an address that may be asked; follows no redirect, which would take the key
    along."""
    import httpx2

    from moonmind.workflows.orchestrator.llm_planner.limited import LimitedTransport

    try:
        targets_of(endpoint.url, resolve, min(seconds, RESOLVE_SECONDS))
    except (TargetRefusedError, OSError) as error:
        raise PlannerFailedError(f"the endpoint cannot be asked: {error}") from None
    transport = LimitedTransport(httpx2.HTTPTransport(), endpoint.key, time.monotonic() + seconds)
    with httpx2.Client(transport=transport, follow_redirects=False, trust_env=False) as http:
        yield http


@contextmanager
def _failures_told(sdk: Any, seconds: float) -> Iterator[None]:
    """Both clients raise errors of the same names, each its own."""
    try:
        yield
    except sdk.APITimeoutError:
        raise PlannerFailedError(f"the endpoint did not answer within {math.ceil(seconds)} s") from None
    except sdk.APIConnectionError as error:
        raise PlannerFailedError(f"the endpoint does not answer: {error.__cause__ or error}") from None
    except sdk.APIStatusError as error:
        raise PlannerFailedError(_status(error)) from None
    except sdk.APIError as error:
        raise PlannerFailedError(f"the endpoint's answer could not be read: {printable(str(error), 200)}") from None


def _status(error: Any) -> str:
    said = f"the endpoint answered {error.status_code}"
    if wait := error.response.headers.get("retry-after"):
        said += f" and asks to wait {printable(wait, 40)} s"
    told = error.body if isinstance(error.body, Mapping) else {}
    inner = told.get("error", told)
    message = inner.get("message") if isinstance(inner, Mapping) else None
    return f"{said}: {printable(message, 200)}" if isinstance(message, str) and message else said
