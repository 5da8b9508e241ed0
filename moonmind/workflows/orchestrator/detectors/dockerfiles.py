"""A Dockerfile that cannot be built, or whose image has nothing that can be started: what Docker itself says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from moonmind.schemas.workflow_models import Finding
from moonmind.workflows.orchestrator.detectors.docker_builds import placed
from moonmind.workflows.orchestrator.detectors.lines import Line, Seen

IMAGE_TAG_MISSING = "image_tag_missing"
STAGE_UNKNOWN = "build_stage_unknown"
COPY_SOURCE_MISSING = "copy_source_missing"
MANIFEST_NOT_COPIED = "manifest_not_copied"
COMMAND_MISSING = "command_missing"
SCRIPT_MISSING = "script_missing"
NOT_EXECUTABLE = "entrypoint_not_executable"
EXEC_FORMAT = "exec_format_error"
INTERPRETER_MISSING = "script_interpreter_missing"
PYTHON_TOO_OLD = "base_python_too_old"
INSTRUCTION_UNKNOWN = "dockerfile_instruction_unknown"
DOCKERFILE_MISSING = "dockerfile_missing"
OS_PACKAGE_UNKNOWN = "os_package_unknown"

_IMAGE = r"(?P<subject>[\w.:/@+-]{1,300}?)"
_PATH = r"(?P<subject>[^\s\"':]{1,300})"
_SOLVE = r"failed to solve(?: with frontend [\w.]{1,40})?: (?:rpc error: .{1,60}desc = failed to solve[\w. ]{0,60}: )?"

_OF_STEPS = (
    (
        MANIFEST_NOT_COPIED,
        rf"ERROR: Could not open requirements file: \[Errno 2\] No such file or directory: '{_PATH}'",
    ),
    (
        PYTHON_TOO_OLD,
        r"ERROR: Package '(?P<subject>[^']{1,100})' requires a different Python: (?P<python>\d+\.\d+)[\w.+]{0,20} "
        r"not in '(?P<wanted>[^']{1,100})'",
    ),
    (OS_PACKAGE_UNKNOWN, r"^E: Unable to locate package (?P<subject>[\w.+:-]{1,100})"),
    (OS_PACKAGE_UNKNOWN, r"^E: Package '(?P<subject>[\w.+:-]{1,100})' has no installation candidate"),
)
"""What tells in a failed step that the Dockerfile is at fault."""
_OF_BUILDS = (
    (STAGE_UNKNOWN, rf"^invalid from flag value {_IMAGE}: "),
    (IMAGE_TAG_MISSING, rf"^manifest for {_IMAGE} not found: "),
    (IMAGE_TAG_MISSING, rf"{_SOLVE}{_IMAGE}: failed to resolve source metadata for \S{{1,300}}: "),
    (IMAGE_TAG_MISSING, rf"{_SOLVE}(?:failed to create LLB definition: )?{_IMAGE}: (?:\S{{1,300}}: )?not found"),
    (IMAGE_TAG_MISSING, rf"(?:^|Error response from daemon: )pull access denied for {_IMAGE},"),
    (
        COPY_SOURCE_MISSING,
        rf"^(?:COPY|ADD) failed: (?:file not found in build context or excluded by \.dockerignore: )?stat {_PATH}: "
        r"(?:file does not exist|no such file)",
    ),
    (COPY_SOURCE_MISSING, rf"failed to compute cache key: .{{0,300}}?\"/?{_PATH}\":? not found"),
    (
        INSTRUCTION_UNKNOWN,
        r"dockerfile parse error (?:on )?line \d{1,6}: unknown instruction: (?P<subject>\w{1,40})",
    ),
    (DOCKERFILE_MISSING, r"failed to read dockerfile: open (?P<subject>[\w./-]{1,200}): no such file"),
    (DOCKERFILE_MISSING, r"unable to evaluate symlinks in Dockerfile path: lstat (?P<subject>\S{1,200}): no such file"),
)
_OF_STARTS = (
    (COMMAND_MISSING, rf"exec: \"{_PATH}\": executable file not found in \$PATH"),
    (NOT_EXECUTABLE, rf"exec:? \"?{_PATH}\"?: permission denied"),
    (EXEC_FORMAT, r"exec:? \"?(?P<subject>[^\s\"':]{1,300}\.(?:sh|bash|py|pl|rb|js))\"?:? exec format error"),
    (SCRIPT_MISSING, rf"^\S{{0,100}}python[\d.]{{0,5}}: can't open file '{_PATH}': \[Errno 2\]"),
    (SCRIPT_MISSING, r"exec: \"(?P<subject>[./][^\"]{1,300})\": stat \S{1,300}: no such file"),
    (
        SCRIPT_MISSING,
        r"^(?:/bin/)?(?:sh|bash): (?:0: |\d: )?(?:[Cc]an't|cannot) open '?(?P<subject>[^\s':]{1,300})'?: No such file",
    ),
    (INTERPRETER_MISSING, rf"^exec {_PATH}: no such file or directory"),
    (INTERPRETER_MISSING, r"(?:^|(?<=[\s:]))(?P<subject>[^\s:]{1,300}): \S{1,100}(?:\^M|\r): bad interpreter"),
    (INTERPRETER_MISSING, r"(?:^|(?<=[\s:]))(?P<subject>[^\s:]{1,300}): cannot execute: required file not found"),
    (INTERPRETER_MISSING, r"env: [‘'](?P<subject>[\w.]{1,40})\\r[’']: No such file"),
)
_WORDS = {
    IMAGE_TAG_MISSING: "there is no image `{}`, or it may not be read",
    STAGE_UNKNOWN: "no stage of the Dockerfile is called `{}`",
    COPY_SOURCE_MISSING: "the build context has no `{}`",
    MANIFEST_NOT_COPIED: "pip finds no `{}` in the image",
    COMMAND_MISSING: "the image has no program `{}`",
    SCRIPT_MISSING: "the image has no `{}`",
    NOT_EXECUTABLE: "`{}` may not be executed",
    EXEC_FORMAT: "`{}` is no program for this machine",
    INTERPRETER_MISSING: "the interpreter that `{}` names is not there",
    PYTHON_TOO_OLD: "`{}` asks for another Python than the image has",
    INSTRUCTION_UNKNOWN: "the Dockerfile has an instruction `{}` that there is not",
    DOCKERFILE_MISSING: "there is no `{}`",
    OS_PACKAGE_UNKNOWN: "apt has no package `{}` to install",
}
_NOT_FETCHED = re.compile(r"^(?:\d{1,6}\.\d{1,6} +)?(?:[WE]: (?:Failed to fetch|Some index files failed)|Err:\d)")
NEAR = 40
"""Lines between apt's complaint of its lists and of a package."""
Table = tuple[tuple[str, re.Pattern[str]], ...]


def _compiled(rows: Sequence[tuple[str, str]]) -> Table:
    return tuple((kind, re.compile(pattern)) for kind, pattern in rows)


_STEPS, _DIRECT = _compiled(_OF_STEPS), _compiled((*_OF_BUILDS, *_OF_STARTS))


def find(lines: Sequence[Line]) -> list[Seen]:
    """What Docker says of a build and of a start, and what a failed step says of its Dockerfile."""
    of_steps = [
        (place, found)
        for place, line in enumerate(lines)
        if (found := _of(line, _STEPS)) and not (found.kind == OS_PACKAGE_UNKNOWN and _lists_failed(lines, place))
    ]
    direct = [Seen(found, line) for line in lines if (found := _of(line, _DIRECT))]
    return [*placed(lines, of_steps), *direct]


def _lists_failed(lines: Sequence[Line], place: int) -> bool:
    """Whether apt could not fetch its lists just before: then it knows no package at all."""
    near = lines[max(0, place - NEAR) : place]
    return any(_NOT_FETCHED.match(line.text) for line in near if line.source == lines[place].source)


def _of(line: Line, table: Table) -> Finding | None:
    """By the first row of the table that fits."""
    for kind, pattern in table:
        if told := pattern.search(line.text):
            said = told.groupdict()
            subject = said.pop("subject")
            return Finding(
                kind=kind,
                summary=_WORDS[kind].format(subject),
                subject=subject,
                details=said,
                evidence=(line.as_evidence(),),
            )
    return None
