"""Python could not import a module, or could not find a name in one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from moonmind.schemas.workflow_models import Finding
from moonmind.workflows.orchestrator.detectors.lines import Line, Seen
from moonmind.workflows.orchestrator.detectors.tracebacks import Failure, Raised, read_failures

MODULE_MISSING = "python_module_missing"
NAME_MISSING = "python_name_missing"
NOT_A_PACKAGE = "python_module_not_a_package"
BUILD_MODULE_MISSING = "python_build_module_missing"

_IMPORT_ERRORS = frozenset({"ModuleNotFoundError", "ImportError"})
_NO_MODULE = re.compile(r"^No module named ['\"]?(?P<module>\w+(?:\.\w+)*)['\"]?(?P<rest>.*)$")
_NO_NAME = re.compile(
    r"^cannot import name ['\"]?(?P<name>\w+)['\"]?(?: from (?:partially initialized module )?'(?P<module>[\w.]+)')?"
)
_BUILD_FRAME = re.compile(r"pip-build-env-|pyproject_hooks|setuptools[/\\]build_meta\.py|pip-install-[^/\\]+")


_FRAME = re.compile(r'^.{0,200}?File "(?P<file>[^"]{1,400})", line (?P<line>\d{1,7})(?:, in (?P<function>.+))?')
_PYTEST_FRAME = re.compile(r"^.{0,200}?(?P<file>[^\s:]{1,400}\.py):(?P<line>\d{1,7}): in (?P<function>.+)")
MOST_FRAMES = 100


def find(lines: Sequence[Line]) -> list[Seen]:
    """Of each failure the missing module that ended it; else the last one in its chain."""
    return [Seen(found, failure.final.line) for failure in read_failures(lines) if (found := _of(failure))]


def _of(failure: Failure) -> Finding | None:
    for raised in reversed(failure.chain):
        if raised.type in _IMPORT_ERRORS and (finding := _missing(raised)):
            return finding
    return None


def _missing(raised: Raised) -> Finding | None:
    if found := _NO_MODULE.match(raised.message):
        return _no_module(raised, found["module"], found["rest"])
    if found := _NO_NAME.match(raised.message):
        where = f" from {found['module']}" if found["module"] else ""
        summary = f"`{found['name']}` cannot be imported{where}: the module is there, the name is not"
        return _finding(raised, NAME_MISSING, summary, found["module"])
    return None


def _no_module(raised: Raised, module: str, rest: str) -> Finding:
    if "is not a package" in rest:
        summary = f"`{module}` cannot be imported: `{module.rpartition('.')[0]}` is a single file that hides a package"
        return _finding(raised, NOT_A_PACKAGE, summary, module)
    if any(_BUILD_FRAME.search(frame.text) for frame in raised.frames):
        summary = f"the build of a package needs the module `{module}`, which its build environment lacks"
        return _finding(raised, BUILD_MODULE_MISSING, summary, module)
    finding = _finding(raised, MODULE_MISSING, f"Python finds no module named `{module}`", module)
    frames = [frame for line in raised.frames[-MOST_FRAMES:] if (frame := _loading(line.text))]
    return finding.model_copy(update={"details": {"frames": "\n".join(frames)}}) if frames else finding


def frames_of(finding: Finding) -> list[str]:
    """ "path:line" of each file that was being loaded when the module was missing, the outermost first."""
    return finding.details.get("frames", "").splitlines()


def _loading(text: str) -> str | None:
    """The place in a file that a frame tells of, when the file's own level was running and not a function of it."""
    found = _FRAME.match(text) or _PYTEST_FRAME.match(text)
    if found is None or (found["function"] or "<module>").strip() != "<module>":
        return None
    return f"{found['file']}:{found['line']}"


def _finding(raised: Raised, kind: str, summary: str, subject: str | None) -> Finding:
    evidence = tuple(line.as_evidence() for line in raised.evidence)
    return Finding(kind=kind, summary=summary, subject=subject, evidence=evidence)
