"""A library says that an optional dependency of its own is missing.

The message is a hint, never a proof: `details` holds its words for the planner, which asks the index. `hint`: the
message, cut; `libraries`: the installed top-level modules that the failure ran through, the deepest first, separated by
spaces; `missing`: the module that could not be imported, where the failure's chain tells one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from moonmind.schemas.workflow_models import Finding
from moonmind.workflows.orchestrator.detectors.lines import Line, Seen
from moonmind.workflows.orchestrator.detectors.owners import libraries
from moonmind.workflows.orchestrator.detectors.tracebacks import Failure, Raised, read_failures

EXTRA_MISSING = "python_extra_missing"

HINT_LIMIT = 400
"""Characters of the message that are looked at for names."""

_ASKS = re.compile(
    r"\binstall(?:ed|ing)?\b|\bmissing (?:optional )?dependenc|\bno backends available\b|'[\w-]+' extra\b"
    r"|\brequires [\w.-]+ (?:\d|package|library|module)",
    re.IGNORECASE,
)
_NO_MODULE = re.compile(r"\bNo module named ['\"](?P<module>\w[\w.]*)['\"]")
_PIP_EXTRA = re.compile(r"""\bpip install ["']?(?P<name>[A-Za-z0-9][\w.-]{0,80})\[[\w,. -]{1,80}\]""")


def find(lines: Sequence[Line]) -> list[Seen]:
    """Failures of libraries that ask for something to be installed, and warnings that name an extra."""
    failures = [Seen(found, one.final.line) for one in read_failures(lines) if (found := _of(one))]
    return [*failures, *_warnings(lines)]


def _of(failure: Failure) -> Finding | None:
    for raised in reversed(failure.chain):
        hint = raised.message[:HINT_LIMIT]
        if _ASKS.search(hint) and (ran_through := libraries(raised.frames)):
            missing = next((found["module"] for one in reversed(failure.chain) if (found := _of_chain(one))), "")
            return _finding(raised.evidence, hint, ran_through, missing)
    return None


def _of_chain(raised: Raised) -> re.Match[str] | None:
    return _NO_MODULE.search(raised.message)


def _warnings(lines: Sequence[Line]) -> Iterator[Seen]:
    """A server that goes on without the feature says so in one line of its log: `pip install 'uvicorn[standard]'`.
    Django's checks end with a hint, which names no library."""
    for line in lines:
        hint = line.text.strip()[:HINT_LIMIT]
        if hint.startswith(("WARNING", "ERROR")) and (found := _PIP_EXTRA.search(hint)):
            yield Seen(_finding((line,), hint, [found["name"].replace("-", "_")], ""), line)
        elif hint.startswith("HINT: ") and "pip install " in hint:
            yield Seen(_finding((line,), hint, [], ""), line)


def _finding(evidence: Sequence[Line], hint: str, ran_through: Sequence[str], missing: str) -> Finding:
    details = {"hint": hint, "libraries": " ".join(ran_through)}
    return Finding(
        kind=EXTRA_MISSING,
        summary=f"{f'`{ran_through[0]}`' if ran_through else 'a check'} asks for an optional dependency",
        subject=next(iter(ran_through), None),
        details={**details, "missing": missing} if missing else details,
        evidence=tuple(line.as_evidence() for line in evidence),
    )
