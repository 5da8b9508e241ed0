"""Lines of a Dockerfile changed or added, as edits; and where a file of the workspace lies in the image."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Sequence

from moonmind.schemas.workflow_models import Edit
from moonmind.workflows.orchestrator.edits.dockerfile_text import (
    Dockerfile,
    Instruction,
    NotUnderstoodError,
    Stage,
    read_dockerfile,
)
from moonmind.workflows.orchestrator.edits.text_replace import NotReplaceableError, replacements
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Project
from moonmind.workflows.orchestrator.planners.spelling import is_near

_FLAG = re.compile(r"^--\S+\s+")


def word_replaced(
    project: Project, file: str, instructions: Iterable[Instruction], old: str, new: str, why: str
) -> list[Edit]:
    """The word `old` replaced wherever it stands alone in these instructions. Raises NoSafeEditError."""
    word = re.compile(rf"(?<![\w./-]){re.escape(old)}(?![\w/-]|\.\w)")
    lines = list(_read(project, file).text.lines)
    for one in instructions:
        for place in range(one.start, one.end):
            lines[place] = word.sub(lambda _: new, lines[place])
    return _edits(project, file, lines, why)


def lines_added(project: Project, file: str, place: int, added: Sequence[str], why: str) -> list[Edit]:
    """Lines of their own before the physical line `place`. Raises NoSafeEditError."""
    text = _read(project, file).text
    for line in reversed(added):
        text = text.insert(place, line)
    return _edits(project, file, text.lines, why)


def copied(instruction: Instruction) -> tuple[list[str], str]:
    """Sources and target of a COPY or ADD from the build context; without sources for any other instruction."""
    if instruction.keyword not in ("COPY", "ADD") or instruction.has_heredoc or "--from" in instruction.text:
        return [], ""
    text = instruction.text
    while flag := _FLAG.match(text):
        text = text[flag.end() :]
    try:
        words = json.loads(text) if text.startswith("[") else text.split()
    except ValueError:
        return [], ""
    if len(words) < 2 or not all(isinstance(word, str) for word in words):
        return [], ""
    return [posixpath.normpath(word.lstrip("/") or ".") for word in words[:-1]], words[-1]


def brings(instruction: Instruction, path: str) -> bool:
    """Whether it copies the file, or a folder that the file is in."""
    sources, _ = copied(instruction)
    return any(source == "." or path == source or path.startswith(f"{source}/") for source in sources)


def work_folder(dockerfile: Dockerfile, stage: Stage, line: int) -> str:
    """The WORKDIR in force at a line of the stage; `/` when nothing sets it there."""
    folder = (
        "/"
        if stage.base is None
        else work_folder(dockerfile, dockerfile.stages[stage.base], len(dockerfile.text.lines))
    )
    for one in dockerfile.of_stage(stage.number):
        if one.keyword == "WORKDIR" and one.start < line:
            folder = posixpath.normpath(posixpath.join(folder, one.text.strip("\"'")))
    return folder


def only_near(name: str, names: Iterable[str]) -> str | None:
    """The one name that this one looks like a misspelling of; its digits are never misspelt."""
    digits = re.sub(r"\D", "", name)
    near = {one for one in names if is_near(name, one) and re.sub(r"\D", "", one) == digits}
    return near.pop() if len(near) == 1 else None


def _read(project: Project, file: str) -> Dockerfile:
    try:
        return read_dockerfile(project.manifests[file])
    except NotUnderstoodError as error:
        raise NoSafeEditError(f"{file} is not edited: {error}") from None


def _edits(project: Project, file: str, lines: Sequence[str], why: str) -> list[Edit]:
    """The change as replaced lines; it must be one, and a Dockerfile again."""
    text = _read(project, file).text
    after = text.mark + "".join(lines).encode(text.encoding)
    try:
        read_dockerfile(after)
        edits = replacements(file, project.manifests[file], after, why)
    except (NotUnderstoodError, NotReplaceableError) as error:
        raise NoSafeEditError(f"{file} is not edited: {error}") from None
    if not edits:
        raise NoSafeEditError(f"{why}; {file} does not say it in words that could be replaced")
    return edits
