"""What planners asked of the world, kept and given again: `Knowledge` that records, and `Knowledge` that replays.

Every question to a port is one entry of `answers.json`: the method, its arguments (bytes by their hash), and the answer
as JSON by the port's own annotation, or the error that it raised. New methods of the ports need nothing here.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import gettempdir
from typing import Any, cast, get_type_hints

from pydantic import TypeAdapter

from moonmind.workflows.orchestrator.planners import Knowledge
from moonmind.workflows.orchestrator.planning_ports import (
    LockToolError,
    LockTools,
    NpmRegistry,
    Resolver,
    UnresolvableError,
)
from moonmind.workflows.orchestrator.ports import Offer, PackageIndex, Release
from tests.support.failures import Case

PORTS: Mapping[str, type] = {"index": PackageIndex, "resolver": Resolver, "npm": NpmRegistry, "locks": LockTools}
ERRORS: Mapping[str, Callable[[str], Exception]] = {
    "UnresolvableError": UnresolvableError,
    "LockToolError": LockToolError,
}
"""Answers of their own; that something does not answer (IndexUnavailableError) is no answer that could be kept."""
NEWEST_OFFERS, OLDEST_OFFERS = 150, 10
"""Of a long list of versions so many stay, and every one that the case names."""
_WORD = re.compile(r"[A-Za-z0-9_]+")
_VERSION = re.compile(r"\d+(?:\.\w+)+")
_HOST = re.compile(r"(?P<scheme>https?://)(?P<host>[A-Za-z0-9.-]+)")

Answers = dict[str, Any]
"""Question to answer, as in the file."""


class NotRecordedError(Exception):
    """A planner asks what `answers.json` does not hold; the message says how to record it."""


def recording(case: Case, real: Knowledge, answers: Answers) -> Knowledge:
    """`real`, with every answer put into `answers`, cut to what the case can need."""
    keep = _Keeper(case)

    def ask(port: str, method: str, arguments: Mapping[str, Any]) -> Any:
        key = _key(port, method, arguments)
        try:
            answer = keep(getattr(getattr(real, port), method)(**arguments))
        except (UnresolvableError, LockToolError) as error:
            reason = keep.scrubbed(str(error))
            answers[key] = {"raises": type(error).__name__, "reason": reason}
            raise ERRORS[type(error).__name__](reason) from None
        answers[key] = {"answer": _adapter(port, method).dump_python(answer, mode="json")}
        return answer

    return _knowledge(ask)


def replaying(case: Case, answers: Mapping[str, Any] | None = None) -> Knowledge:
    """The answers that `answers.json` holds (none when there is no such file). Raises NotRecordedError when asked
    anything else."""
    kept = answers if answers is not None else read_answers(case.answers)

    def ask(port: str, method: str, arguments: Mapping[str, Any]) -> Any:
        key = _key(port, method, arguments)
        if key not in kept:
            raise NotRecordedError(
                f"{case.name} asks {key}: record it with `make bench-failures RECORD=1 ONLY={case.name}`"
            )
        if "raises" in kept[key]:
            raise ERRORS[kept[key]["raises"]](kept[key]["reason"])
        return _adapter(port, method).validate_json(json.dumps(kept[key]["answer"]))

    return _knowledge(ask)


def read_answers(file: Path) -> Answers:
    """Empty when there is no such file."""
    return cast(Answers, json.loads(file.read_text("utf-8"))) if file.is_file() else {}


def write_answers(file: Path, answers: Answers) -> None:
    """In an order that does not change; no file when nothing was asked."""
    if not answers:
        file.unlink(missing_ok=True)
        return
    file.write_text(json.dumps(answers, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")


_Ask = Callable[[str, str, Mapping[str, Any]], Any]


class _Port:
    """One port, every method of which is a question."""

    def __init__(self, name: str, ask: _Ask) -> None:
        self._name, self._ask = name, ask

    def __getattr__(self, method: str) -> Callable[..., Any]:
        signature = inspect.signature(getattr(PORTS[self._name], method))

        def call(*given: Any, **named: Any) -> Any:
            bound = signature.bind(self, *given, **named)
            bound.apply_defaults()
            return self._ask(self._name, method, {key: one for key, one in bound.arguments.items() if key != "self"})

        return call


def _knowledge(ask: _Ask) -> Knowledge:
    ports: dict[str, Any] = {name: _Port(name, ask) for name in PORTS}
    return Knowledge(**ports)


def _key(port: str, method: str, arguments: Mapping[str, Any]) -> str:
    told = ", ".join(f"{name}={json.dumps(_plain(one), sort_keys=True)}" for name, one in arguments.items())
    return f"{port}.{method}({told})"


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"sha256:{hashlib.sha256(value).hexdigest()}"
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        plain = [_plain(one) for one in value]
        return sorted(plain, key=repr) if isinstance(value, set | frozenset) else plain
    return value


def _adapter(port: str, method: str) -> TypeAdapter[Any]:
    return TypeAdapter(get_type_hints(getattr(PORTS[port], method))["return"])


@dataclass(frozen=True, slots=True)
class _Keeper:
    """Cuts answers to what the words of a case can be about, and takes out where this machine asked: hosts that the
    case does not name, and temporary folders."""

    case: Case
    text: str = field(init=False)

    def __post_init__(self) -> None:
        files = [self.case.workspace.read(path) or b"" for path in self.case.workspace.glob("**/*")]
        object.__setattr__(self, "text", "\n".join([self.case.log, *(one.decode("utf-8", "replace") for one in files)]))

    def __call__(self, answer: Any) -> Any:
        if isinstance(answer, Release):
            words = set(_WORD.findall(self.text))
            kept = (one for one in answer.modules if "." not in one or words.issuperset(one.split(".")))
            return replace(answer, modules=frozenset(kept))
        if isinstance(answer, tuple) and len(answer) > NEWEST_OFFERS + OLDEST_OFFERS:
            return self._fewer(answer)
        if isinstance(answer, Mapping):
            return {key: self._scrubbed_file(one) for key, one in answer.items()}
        return answer

    def scrubbed(self, text: str) -> str:
        """The text without hosts and folders of this machine."""
        text = _HOST.sub(
            lambda found: found[0] if found["host"] in self.text else f"{found['scheme']}index.example", text
        )
        return text.replace(gettempdir(), "/srv/tmp")

    def _scrubbed_file(self, content: Any) -> Any:
        return self.scrubbed(content.decode("utf-8")).encode() if isinstance(content, bytes) else content

    def _fewer(self, offers: tuple[Any, ...]) -> tuple[Any, ...]:
        named = set(_VERSION.findall(self.text))
        middle = offers[NEWEST_OFFERS:-OLDEST_OFFERS]
        return (
            *offers[:NEWEST_OFFERS],
            *(one for one in middle if isinstance(one, Offer) and one.version in named),
            *offers[-OLDEST_OFFERS:],
        )
