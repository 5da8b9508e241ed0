"""A Dockerfile that cannot be built, or whose image has nothing that can be started: what Docker itself says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

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

_OF_STEPS: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    (
        MANIFEST_NOT_COPIED,
        "pip finds no `{}` in the image",
        re.compile(rf"ERROR: Could not open requirements file: \[Errno 2\] No such file or directory: '{_PATH}'"),
    ),
    (
        PYTHON_TOO_OLD,
        "`{}` asks for another Python than the image has",
        re.compile(
            r"ERROR: Package '(?P<subject>[^']{1,100})' requires a different Python: (?P<python>\d+\.\d+)[\w.+]{0,20} not in "
            r"'(?P<wanted>[^']{1,100})'"
        ),
    ),
    (OS_PACKAGE_UNKNOWN, "apt knows no package `{}`", re.compile(r"^E: Unable to locate package (?P<subject>[\w.+:-]{1,100})")),
    (
        OS_PACKAGE_UNKNOWN,
        "apt has nothing to install for `{}`",
        re.compile(r"^E: Package '(?P<subject>[\w.+:-]{1,100})' has no installation candidate"),
    ),
)
_OF_BUILDS: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    (STAGE_UNKNOWN, "no stage of the Dockerfile is called `{}`", re.compile(rf"^invalid from flag value {_IMAGE}: ")),
    (
        IMAGE_TAG_MISSING,
        "there is no image `{}`",
        re.compile(rf"^manifest for {_IMAGE} not found: "),
    ),
    (
        IMAGE_TAG_MISSING,
        "there is no image `{}`",
        re.compile(rf"failed to solve(?: with frontend [\w.]+)?: (?:failed to [\w ]{{1,60}}: )?{_IMAGE}: (?:failed to resolve source metadata for )?\S{{1,300}}: not found"),
    ),
    (
        IMAGE_TAG_MISSING,
        "there is no image `{}`",
        re.compile(rf"failed to solve(?: with frontend [\w.]+)?: (?:rpc error: .{{1,60}}desc = )?(?:failed to create LLB definition: )?{_IMAGE}: not found"),
    ),
    (
        IMAGE_TAG_MISSING,
        "there is no image `{}`, or it may not be read",
        re.compile(rf"^(?:ERROR: failed to solve: {_IMAGE}: .{{0,400}})?(?:Error response from daemon: )?pull access denied for (?P<other>[\w.:/@+-]{{1,300}}),"),
    ),
    (
        COPY_SOURCE_MISSING,
        "the build context has no `{}`",
        re.compile(rf"^(?:COPY|ADD) failed: (?:file not found in build context or excluded by \.dockerignore: )?stat {_PATH}: (?:file does not exist|no such file)"),
    ),
    (
        COPY_SOURCE_MISSING,
        "the build context has no `{}`",
        re.compile(rf"failed to solve: .{{0,400}}[\"']?(?P<q>[\"']){_PATH}(?P=q): not found"),
    ),
    (
        INSTRUCTION_UNKNOWN,
        "the Dockerfile has an instruction `{}` that there is not",
        re.compile(r"dockerfile parse error (?:on )?line (?P<line>\d{1,6}): unknown instruction: (?P<subject>\w{1,40})"),
    ),
    (
        DOCKERFILE_MISSING,
        "there is no {}",
        re.compile(rf"failed to (?:read|solve: failed to read) dockerfile: open (?P<subject>[\w./-]{{1,200}}): no such file"),
    ),
)
_OF_STARTS: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    (COMMAND_MISSING, "the image has no program `{}`", re.compile(rf"exec: \"{_PATH}\": executable file not found in \$PATH")),
    (NOT_EXECUTABLE, "`{}` may not be executed", re.compile(rf"exec:? \"?{_PATH}\"?: permission denied")),
    (EXEC_FORMAT, "`{}` is no program for this machine", re.compile(rf"exec:? \"?{_PATH}\"?:? exec format error")),
    (
        SCRIPT_MISSING,
        "the image has no `{}`",
        re.compile(rf"^\S{{0,100}}python[\d.]{{0,5}}: can't open file '{_PATH}': \[Errno 2\]"),
    ),
    (SCRIPT_MISSING, "the image has no `{}`", re.compile(r"^Error: Cannot find module '(?P<subject>/[^\s':]{1,300})'")),
    (SCRIPT_MISSING, "the image has no `{}`", re.compile(rf"exec: \"(?P<subject>[./][^\"]{{1,300}})\": stat \S{{1,300}}: no such file")),
    (SCRIPT_MISSING, "the image has no `{}`", re.compile(r"^(?:/bin/)?(?:sh|bash): (?:0: |\d: )?(?:[Cc]an't|cannot) open '?(?P<subject>[^\s':]{1,300})'?: No such file")),
    (INTERPRETER_MISSING, "the interpreter that `{}` names is not there", re.compile(rf"^exec {_PATH}: no such file or directory")),
    (INTERPRETER_MISSING, "the interpreter that `{}` names is not there", re.compile(r"(?P<subject>[^\s:]{1,300}): \S{1,100}(?:\^M|\r): bad interpreter")),
    (
        INTERPRETER_MISSING,
        "the interpreter that `{}` names is not there",
        re.compile(r"(?P<subject>[^\s:]{1,300}): cannot execute: required file not found"),
    ),
    (INTERPRETER_MISSING, "the interpreter `{}` is not there", re.compile(r"env: [‘'](?P<subject>[\w.]{1,40})\\r[’']: No such file")),
)


def find(lines: Sequence[Line]) -> list[Seen]:
    """What Docker says of a build and of a start, and what tells in a failed step that the Dockerfile is at fault."""
    of_steps = [
        (place, found) for place, line in enumerate(lines) for found in _of(line, _OF_STEPS)
    ]
    direct = [Seen(found, line) for line in lines for found in _of(line, (*_OF_BUILDS, *_OF_STARTS))]
    return [*placed(lines, of_steps), *direct]


def _of(line: Line, table: Sequence[tuple[str, str, re.Pattern[str]]]) -> Iterator[Finding]:
    """The first row of the table that fits."""
    for kind, summary, pattern in table:
        if told := pattern.search(line.text):
            said = {name: value for name, value in told.groupdict().items() if value}
            subject = said.pop("subject", None) or said.pop("other", "")
            said.pop("other", None)
            said.pop("q", None)
            yield Finding(
                kind=kind,
                summary=summary.format(subject),
                subject=subject,
                details=said,
                evidence=(line.as_evidence(),),
            )
            return
