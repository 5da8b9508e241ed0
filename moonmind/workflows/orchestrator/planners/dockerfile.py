"""The little of a Dockerfile that planning needs: the Python it starts from and the manifests that pip is given."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator

from moonmind.workflows.orchestrator.edits.dockerfile_text import (
    Instruction,
    NotUnderstoodError,
    read_dockerfile,
    read_instructions,
)
from moonmind.workflows.orchestrator.edits.text_files import read_text_file
from moonmind.workflows.orchestrator.planners.dockerfile_changes import copied

_PYTHON_IMAGE = re.compile(r"^(?:.*/)?python:(?P<version>3\.\d+)")
_PIP_INSTALL = re.compile(r"\bpip[\d.]*\s+install\b(?P<arguments>[^&|;]*)")
_REQUIREMENT = re.compile(r"(?:-r|--requirement)(?:\s+|=)[\"']?(?P<file>[^\s\"']+)")
_PROJECT = re.compile(r"(?:^|\s)(?:-e\s+)?\.(?:\[[\w,]+\])?(?:\s|$)")


def base_python(text: str) -> str | None:
    """The version in the last stage's `python:` image, also through an earlier stage and through ARG."""
    try:
        dockerfile = read_dockerfile(text.encode())
    except NotUnderstoodError:
        return None
    found = _PYTHON_IMAGE.match(dockerfile.root_image(dockerfile.stages[-1]) or "")
    return found["version"] if found else None


def installed_manifests(text: str) -> list[str]:
    """Paths in the build context that pip installs from, in order: requirement files, or `.` for the project."""
    try:
        instructions = read_instructions(read_text_file(text.encode()))
    except NotUnderstoodError:
        return []
    names = dict(_copied(instructions))
    found: list[str] = []
    for one in instructions:
        for install in _PIP_INSTALL.finditer(one.text):
            arguments = install["arguments"]
            files = _REQUIREMENT.findall(arguments)
            found += [names.get(posixpath.basename(file), file.removeprefix("./")) for file in files]
            if _PROJECT.search(arguments):
                found.append(".")
    return list(dict.fromkeys(found))


def _copied(instructions: Iterable[Instruction]) -> Iterator[tuple[str, str]]:
    """(base name in the image, path in the context) of each copied requirements file."""
    for one in instructions:
        sources, target = copied(one)
        for source in sources:
            if source.endswith((".txt", ".in")):
                yield posixpath.basename(target if target.endswith(".txt") else source), source
