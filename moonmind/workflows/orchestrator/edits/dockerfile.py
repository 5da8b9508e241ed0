"""Edits of a Dockerfile: one more package of the system in a stage, another tag of a base image. All else stays."""

from __future__ import annotations

import re
from collections.abc import Sequence

from moonmind.workflows.orchestrator.edits import apt_lists
from moonmind.workflows.orchestrator.edits.dockerfile_text import (
    Dockerfile,
    Instruction,
    NotUnderstoodError,
    Stage,
    read_dockerfile,
)
from moonmind.workflows.orchestrator.edits.text_files import TextFile

PACKAGE = re.compile(r"^[a-z0-9][a-z0-9+.-]+$")
"""Debian Policy 5.6.1."""
TAG = re.compile(r"^\w[\w.-]{0,127}$", re.ASCII)
"""The OCI distribution specification."""
_INSTALL = "apt-get update && apt-get install -y --no-install-recommends {} && rm -rf /var/lib/apt/lists/*"


def add_package(content: bytes, package: str, *, stage: str | None, before: str | None) -> bytes:
    """The file with `package` installed in the stage (None: the last), before the instruction `before` (its words, one
    blank apart; None: anywhere in the stage). Raises NotUnderstoodError."""
    if not PACKAGE.match(package):
        raise NotUnderstoodError(f"{package!r} is no name of a package")
    dockerfile = read_dockerfile(content)
    target = _stage(dockerfile, stage)
    reachable = _until(dockerfile, target, before)
    if installs(dockerfile, reachable, package):
        return content
    lists = [one for one in reachable if _lists(dockerfile, one)]
    after = _in_list(dockerfile, lists[-1], package) if lists else _in_new_run(dockerfile, target, package)
    _require(after, target.number, package, more=0 if lists else 1, before=dockerfile)
    return after


def set_base_image(content: bytes, repository: str, tag: str, *, stage: str | None) -> bytes:
    """The file with the stage's FROM on that tag of the same repository. Raises NotUnderstoodError."""
    dockerfile = read_dockerfile(content)
    target = _stage(dockerfile, stage)
    if target.written.rpartition(":")[0] != repository or "@" in target.written or "$" in target.written:
        raise NotUnderstoodError(f"its FROM names {target.written}, not a plain tag of {repository}")
    if not TAG.match(tag):
        raise NotUnderstoodError(f"{tag!r} is no tag")
    lines = list(dockerfile.text.lines)
    lines[target.line] = lines[target.line].replace(target.written, f"{repository}:{tag}", 1)
    after = _with_lines(dockerfile.text, lines)
    if _stage(read_dockerfile(after), stage).written != f"{repository}:{tag}":
        raise NotUnderstoodError("its FROM would not be read back")
    return after


def installs(dockerfile: Dockerfile, instructions: Sequence[Instruction], package: str) -> bool:
    """Whether one of them installs the package by name."""
    lists = (words for one in instructions for words in _lists(dockerfile, one))
    return any(word.package == package for words in lists for word in words)


def _stage(dockerfile: Dockerfile, called: str | None) -> Stage:
    found = dockerfile.stage(called)
    if found is None:
        raise NotUnderstoodError(f"it has no stage {called}")
    return found


def _until(dockerfile: Dockerfile, stage: Stage, before: str | None) -> list[Instruction]:
    own = dockerfile.of_stage(stage.number)
    if before is None:
        return own
    places = [place for place, one in enumerate(own) if one.words == before]
    if len(places) != 1:
        raise NotUnderstoodError(f"it holds the instruction that failed {len(places)} times, not once")
    return own[: places[0] + 1]


def _raw(dockerfile: Dockerfile, instruction: Instruction) -> str:
    return "".join(dockerfile.text.lines[instruction.start : instruction.end])


def _lists(dockerfile: Dockerfile, instruction: Instruction) -> list[list[apt_lists.Word]]:
    if instruction.keyword != "RUN" or instruction.has_heredoc:
        return []
    return apt_lists.install_lists(_raw(dockerfile, instruction))


def _in_list(dockerfile: Dockerfile, instruction: Instruction, package: str) -> bytes:
    words = _lists(dockerfile, instruction)[-1]
    raw = apt_lists.insert(_raw(dockerfile, instruction), words, package, dockerfile.text.newline)
    lines = dockerfile.text.lines
    return _with_lines(dockerfile.text, [*lines[: instruction.start], raw, *lines[instruction.end :]])


def _in_new_run(dockerfile: Dockerfile, stage: Stage, package: str) -> bytes:
    """Right after FROM: before whatever needs it, and rarely built anew."""
    run = f"RUN {_INSTALL.format(package)}"
    place = dockerfile.of_stage(stage.number)[0].end
    user = dockerfile.user(stage, place)
    text = dockerfile.text
    for line in reversed(["USER root", run, f"USER {user}"] if user else [run]):
        text = text.insert(place, line)
    return text.to_bytes()


def _with_lines(text: TextFile, lines: Sequence[str]) -> bytes:
    return TextFile(tuple(lines), text.mark, text.encoding).to_bytes()


def _require(after: bytes, stage: int, package: str, *, more: int, before: Dockerfile) -> None:
    """The result must say what was meant, and nothing else new."""
    read = read_dockerfile(after)
    added = len(read.instructions) - len(before.instructions)
    if added not in ((0,) if not more else (1, 3)) or not installs(read, read.of_stage(stage), package):
        raise NotUnderstoodError("it would not be read back with the package")
