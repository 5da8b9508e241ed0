"""Settings of the planners that are not rules: a model behind an endpoint, an agent's program."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints, model_validator

from moonmind.schemas.service_profile import ServiceProfile, Table

PLACEHOLDERS = frozenset({"{task}", "{folder}"})
"""What a word of the agent's command may hold: the file with its task, and the folder that it works in."""

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]{0,99}$"


def _split(value: object) -> object:
    """A list in config.toml, with blanks or commas in the environment."""
    return tuple(part for part in re.split(r"[\s,]+", value) if part) if isinstance(value, str) else value


def endpoint_url(url: str) -> str:
    """With TLS, or without it to a machine that no stranger sits before: loopback, private addresses, a name without a
    dot (another container). Without password, query and fragment. Raises ValueError."""
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("must be a URL without a password, a query or a fragment: the key has a setting of its own")
    if parts.scheme == "https" or _is_near(parts.hostname or ""):
        return url.rstrip("/")
    raise ValueError("must be https, or http to this machine, a private address or a container")


def _is_near(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return "." not in host
    return (address.is_loopback or address.is_private) and not address.is_link_local


def _checked(command: tuple[str, ...]) -> tuple[str, ...]:
    unknown = {found for word in command for found in _PLACEHOLDER.findall(word)} - PLACEHOLDERS
    if unknown:
        raise ValueError(f"knows {', '.join(sorted(PLACEHOLDERS))}, not {', '.join(sorted(unknown))}")
    return command


class LlmPlanner(Table):
    """A model's endpoint. `timeout`: seconds for a whole proposal; `max_output`: tokens of one answer.

    `key_file`: its first line is the key; relative to home.
    """

    style: Literal["openai", "anthropic"] = "openai"
    url: (
        Annotated[
            str,
            StringConstraints(pattern=r"^https?://[^\s/@]+(/[^\s@]*)?$", max_length=500),
            AfterValidator(endpoint_url),
        ]
        | None
    ) = None
    model: Annotated[str, StringConstraints(pattern=r"^[^\s]{1,200}$")] | None = None
    key: SecretStr | None = None
    key_file: Path | None = None
    timeout: int = Field(90, ge=1, le=600)
    max_output: int = Field(4096, ge=256, le=65536)

    @model_validator(mode="after")
    def _is_complete(self) -> LlmPlanner:
        if (self.url is None) != (self.model is None):
            raise ValueError("`url` and `model` are set together")
        if self.key is not None and self.key_file is not None:
            raise ValueError("the key is in `key` or in `key_file`, not in both")
        if self.url is not None and find_spec(self.style) is None:
            raise ValueError(
                f"the style {self.style} needs its client: pip install 'moonmind-orchestrator[llm]', or set no url"
            )
        return self


class AgentPlanner(Table):
    """A coding agent's program. `timeout`: seconds; `max_diff`: characters that its change may have.

    `environment`: names of variables that it is given besides the plain ones, such as its key's.
    """

    command: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1)], ...], BeforeValidator(_split), AfterValidator(_checked)
    ] = ()
    environment: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=_VARIABLE)], ...], BeforeValidator(_split)
    ] = ()
    timeout: int = Field(300, ge=1, le=3600)
    max_diff: int = Field(16384, ge=1, le=65536)


class Planners(Table):
    """What services may name besides `rules`."""

    llm: LlmPlanner = LlmPlanner()
    agent: AgentPlanner = AgentPlanner()


def refuse_profiles(planners: Planners, services: Mapping[str, ServiceProfile]) -> str | None:
    """Which setting a service's profile needs and nobody has made, or what leaves its planners no time; else None."""
    set_up = {"llm": planners.llm.url is not None, "agent": bool(planners.agent.command)}
    keys = {"llm": "planners.llm.url", "agent": "planners.agent.command"}
    seconds = {"llm": planners.llm.timeout, "agent": planners.agent.timeout}
    for service, profile in services.items():
        if missing := next((name for name in profile.planners if not set_up.get(name, True)), None):
            return f"{service} names the planner `{missing}`, but {keys[missing]} is not set"
        needed = sum(seconds.get(name, 0) for name in profile.planners)
        if needed > profile.timeouts.analyze:
            return (
                f"{service}.timeouts.analyze is {profile.timeouts.analyze} seconds, and its planners may take {needed}"
                ": raise it, or lower the planners' timeout"
            )
    return None
