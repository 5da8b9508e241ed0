"""The build of a distribution failed in its own Python code: it is older than the tools it is built with.

What its build lacks of the system (a compiler, a header) is no such failure: only errors that a setup script of another
time raises count. The subject of a missing module is that module, else the distribution. `details`: `distribution` and
`version` that were built, as far as the log says; `error`, one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from packaging.utils import canonicalize_name

from moonmind.schemas.workflow_models import Finding
from moonmind.workflows.orchestrator.detectors.lines import Line, Seen
from moonmind.workflows.orchestrator.detectors.python_modules import BUILD_MODULE_MISSING
from moonmind.workflows.orchestrator.detectors.tracebacks import Failure, Raised, read_failures

BUILD_FAILED = "python_build_failed"

NEAR = 80
"""Lines after a traceback in which the tool names what it was building."""

ERROR_LIMIT = 160

Distribution = tuple[str, str]
"""Name and version, "" for what is not known."""

_OUTDATED = frozenset(
    {"AttributeError", "ImportError", "ModuleNotFoundError", "TypeError", "NameError", "SyntaxError", "KeyError"}
)
_NO_MODULE = re.compile(r"^No module named ['\"]?(?P<module>\w[\w.]*)")
_BUILD_FRAME = re.compile(
    r"pip-build-env-|pyproject_hooks|setuptools[/\\]build_meta\.py|pip-install-[^/\\]+|builds-v\d+"
)
_NAME = r"(?P<name>[A-Za-z0-9][\w.-]{0,98}?)"
_ENDED = re.compile(
    r"(?:Failed to build|Failed building wheel for|Could not build wheels for) ['`\"]?"
    rf"{_NAME}(?:==(?P<version>[\w.+!]+))?['`\",]?(?:\s|$)"
)
_BEGAN = re.compile(
    rf"^\s*(?:Collecting {_NAME}(?:==(?P<version>[\w.+!]+))?(?:[\s<>=!~\[;]|$)"
    r"|.{0,40}(?:Failed to build|download and build) `(?P<built>[\w.-]+)(?:==(?P<at>[\w.+!]+))?`)"
)
_BACKEND = re.compile(r"^\s*(?:× )?Cannot import build backend '")
_BECAUSE = re.compile(r"^\s*╰─> (?P<error>\S.{0,160})")
_INVALID_COMMAND = re.compile(rf"^\s*(?P<error>error in {_NAME} setup command: .{{1,100}})$")


def find(lines: Sequence[Line]) -> list[Seen]:
    """Of each failed build the error of its own code, with the distribution that was built."""
    places = {(line.source, line.number): place for place, line in enumerate(lines)}
    failures = [one for one in read_failures(lines) if _is_outdated(one)]
    begun = _begun(lines)
    seen = [_seen(one.final, lines, places[one.final.line.source, one.final.line.number], begun) for one in failures]
    return [*seen, *_without_backend(lines, begun), *_invalid_commands(lines)]


def _is_outdated(failure: Failure) -> bool:
    final = failure.final
    return final.type in _OUTDATED and any(_BUILD_FRAME.search(frame.text) for frame in final.frames)


def _seen(raised: Raised, lines: Sequence[Line], place: int, begun: Sequence[Distribution]) -> Seen:
    error = f"{raised.type}: {raised.message}"[:ERROR_LIMIT]
    name, version = _built(lines, place, begun[place])
    finding = _finding(BUILD_FAILED, error, name, version, raised.evidence)
    if missing := _NO_MODULE.match(raised.message):
        finding = finding.model_copy(update={"kind": BUILD_MODULE_MISSING, "subject": missing["module"]})
    return Seen(finding, raised.line)


def _begun(lines: Iterable[Line]) -> list[Distribution]:
    """For each line what the tool of its stream had begun with before it. One pass: a log may be all failures."""
    last: dict[tuple[str, str], Distribution] = {}
    begun = []
    for line in lines:
        own = line.source, line.stream
        begun.append(last.get(own, ("", "")))
        if (found := _began(line.text))[0]:
            last[own] = found
    return begun


def _built(lines: Sequence[Line], place: int, began: Distribution) -> Distribution:
    """The tool's verdict after the traceback, else what it had `began` with; "" where it is silent."""
    own = lines[place].source, lines[place].stream
    after = [line.text for line in lines[place : place + NEAR] if (line.source, line.stream) == own]
    verdicts = [(ended["name"], ended["version"] or "") for text in after if (ended := _ENDED.search(text))]
    name, version = next(iter(verdicts), began)
    if not version and canonicalize_name(began[0]) == canonicalize_name(name):
        version = began[1]
    return name, version


def _began(text: str) -> Distribution:
    found = _BEGAN.match(text)
    if found is None:
        return "", ""
    return found["name"] or found["built"], found["version"] or found["at"] or ""


def _without_backend(lines: Sequence[Line], begun: Sequence[Distribution]) -> list[Seen]:
    """pip's short form when the build's own tools cannot be imported: they are older than this Python."""
    found = []
    for place, line in enumerate(lines[:-1]):
        if _BACKEND.match(line.text) and (why := _BECAUSE.match(lines[place + 1].text)):
            name, version = _built(lines, place, begun[place])
            evidence = (line, lines[place + 1])
            found.append(Seen(_finding(BUILD_FAILED, why["error"], name, version, evidence), evidence[1]))
    return found


def _invalid_commands(lines: Iterable[Line]) -> list[Seen]:
    """setuptools' own refusal, without a traceback: `error in anyjson setup command: use_2to3 is invalid.`"""
    found = [(line, found) for line in lines if (found := _INVALID_COMMAND.match(line.text))]
    return [Seen(_finding(BUILD_FAILED, one["error"], one["name"], "", (line,)), line) for line, one in found]


def _finding(kind: str, error: str, name: str, version: str, evidence: Sequence[Line]) -> Finding:
    details = {"error": error, "distribution": canonicalize_name(name) if name else "", "version": version}
    return Finding(
        kind=kind,
        summary=f"the build of {f'`{name}`' if name else 'a package'} failed in its own code: {error}",
        subject=canonicalize_name(name) if name else None,
        details={key: value for key, value in details.items() if value},
        evidence=tuple(line.as_evidence() for line in evidence),
    )
