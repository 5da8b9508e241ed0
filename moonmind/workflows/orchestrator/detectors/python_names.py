"""A module is there, and something in it is not: a name that another release of its distribution has, or had.

`details` of the findings: `name`; `module` it was asked of; `importer`: the installed top-level module whose code
asked, "" for the service's own; `provider`: the top-level module below `site-packages` whose file was read, "<python>"
for the standard library, "" for the service's own, and left out where the log does not say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from moonmind.schemas.workflow_models import Finding
from moonmind.workflows.orchestrator.detectors.lines import Line, Seen
from moonmind.workflows.orchestrator.detectors.owners import importer, owner
from moonmind.workflows.orchestrator.detectors.python_modules import NAME_MISSING
from moonmind.workflows.orchestrator.detectors.tracebacks import Failure, Raised, read_failures

ATTRIBUTE_MISSING = "python_attribute_missing"
CIRCULAR = "python_circular_import"

_CANNOT_IMPORT = re.compile(
    r"^cannot import name ['\"]?(?P<name>\w+)['\"]? from (?P<partly>partially initialized module )?"
    r"'(?P<module>[\w.]+)'(?P<reason> \(most likely [^)]*\))?(?: \((?P<file>[^()]{1,500})\))?"
)
_NO_ATTRIBUTE = re.compile(
    r"^(?P<partly>partially initialized )?module '(?P<module>[\w.]+)' has no attribute '(?P<name>\w+)'"
)
_MOVED = re.compile(r"^`(?:(?P<module>\w[\w.]*):)?(?P<name>\w+)` has been (?:moved|removed)\b")
_IMPORT_ERRORS = ("ImportError", "ModuleNotFoundError")


def find(lines: Sequence[Line]) -> list[Seen]:
    """Of each failure the last import or attribute in its chain that could not be had."""
    return [Seen(found, failure.final.line) for failure in read_failures(lines) if (found := _of(failure))]


def _of(failure: Failure) -> Finding | None:
    for raised in reversed(failure.chain):
        kind = raised.type.rpartition(".")[2]
        if kind == "AttributeError" and (found := _NO_ATTRIBUTE.match(raised.message)):
            return _finding(raised, ATTRIBUTE_MISSING, found, provider=None)
        if raised.type in _IMPORT_ERRORS:
            found = _CANNOT_IMPORT.match(raised.message)
            return _finding(raised, NAME_MISSING, found, _provider(found["file"])) if found else None
        if kind.endswith("ImportError") and (found := _MOVED.match(raised.message)):
            return _finding(raised, NAME_MISSING, found, provider=raised.type.partition(".")[0])
    return None


def _provider(file: str | None) -> str | None:
    if file is None or file == "unknown location":
        return None
    return owner(file) or ""


def _finding(raised: Raised, kind: str, found: re.Match[str], provider: str | None) -> Finding:
    """A module that is not finished yet asks for itself: no release of anything would change that."""
    module = found["module"] or raised.type.partition(".")[0]
    partly = "partly" in found.re.groupindex and bool(found["partly"])
    top = module.partition(".")[0]
    details = {"name": found["name"], "module": module, "importer": importer(raised.frames, provider or top)}
    if provider is not None:
        details["provider"] = provider
    return Finding(
        kind=CIRCULAR if partly else kind,
        summary=_summary(found["name"], module, partly=partly),
        subject=module,
        details=details,
        evidence=tuple(line.as_evidence() for line in raised.evidence),
    )


def _summary(name: str, module: str, *, partly: bool) -> str:
    if partly:
        return f"`{module}` is asked for `{name}` while it is still being imported itself"
    return f"`{name}` cannot be had from `{module}`: the module is there, the name is not"
