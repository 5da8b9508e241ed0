"""What a changed file is for, whatever it is called: a Dockerfile, what pip is given, or none of them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from fnmatch import fnmatchcase

from moonmind.workflows.orchestrator.edits import requirements_txt
from moonmind.workflows.orchestrator.edits.dockerfile_text import NotUnderstoodError, read_instructions
from moonmind.workflows.orchestrator.edits.text_files import read_text_file
from moonmind.workflows.orchestrator.planners import Project
from moonmind.workflows.orchestrator.planners.dockerfile_changes import copied

MOST_ROOTS = 200
"""Requirements files by their names whose includes are followed, the outermost first."""

_REQUIREMENTS = (".txt", ".in", ".pip")
_COMPOSE = ("compose*.y*ml", "docker-compose*.y*ml")
_COMPOSE_DOCKERFILE = re.compile(r"\bdockerfile[\"']?\s*:\s*[\"']?(?P<path>[^\s\"',}#]+)")
_PIP = re.compile(r"\bpip[\d.]*\s+(?:install|sync|download|wheel)\b(?P<arguments>[^&|;]*)")
_GIVEN = re.compile(r"(?:^|\s)(?:-r|-c|--requirements?|--constraints?)(?:\s+|=)?[\"']?(?P<file>[^\s\"']+)")
_INCLUDES = re.compile(r"^[ \t]*(?:-r|-c|--requirement|--constraint)", re.MULTILINE)
_CONTINUED = re.compile(r"\\[ \t]*\r?\n")
_DIRECTIVE = re.compile(r"(?:#|//)\s*(?:syntax|escape)\s*=", re.IGNORECASE)
_FROM = re.compile(r"FROM\s+(?:--\S+\s+)*\S+(?:\s+AS\s+\S+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Kinds:
    """What the service's files say of each other, by base names: a COPY may have moved a file between folders."""

    dockerfiles: frozenset[str]
    installed: frozenset[str]

    def is_dockerfile(self, path: str, before: bytes | None, after: bytes) -> bool:
        """By its name, because Compose builds from it, or because it begins as one."""
        name = posixpath.basename(path)
        return _is_dockerfile_name(name) or name in self.dockerfiles or any(map(_begins_as_one, (before or b"", after)))

    def is_installed(self, path: str) -> bool:
        """Whether pip may be given the file: its name, or an image, the profile or another such file says so."""
        return posixpath.basename(path) in self.installed or path.endswith(_REQUIREMENTS)


def kinds_of(project: Project) -> Kinds:
    """Read from the files as they are before the change."""
    built = {posixpath.basename(one) for path in project.files for one in _built_by_compose(path, project)}
    names = {path for path in project.files if _is_dockerfile_name(name := posixpath.basename(path)) or name in built}
    given = {one for path in sorted(names) for one in _given_to_pip(project.read(path) or b"")}
    if project.install:
        given.add(posixpath.basename(project.install))
    return Kinds(frozenset(built), frozenset({*given, *_included(project, given)}))


def _is_dockerfile_name(name: str) -> bool:
    folded = name.casefold()
    return folded.startswith(("dockerfile", "containerfile")) or folded.endswith(".dockerfile")


def _built_by_compose(path: str, project: Project) -> Iterator[str]:
    if any(fnmatchcase(posixpath.basename(path), pattern) for pattern in _COMPOSE):
        text = (project.read(path) or b"").decode("utf-8", "replace")
        yield from (found["path"] for found in _COMPOSE_DOCKERFILE.finditer(text))


def _begins_as_one(content: bytes) -> bool:
    """Its first instruction is FROM, after ARG at most; or its first line chooses how a builder reads it."""
    text = _CONTINUED.sub(" ", "".join(read_text_file(content).lines))
    for line in map(str.strip, text.split("\n")):
        if _DIRECTIVE.match(line) or _FROM.fullmatch(line):
            return True
        if line and not line.startswith("#") and line.split()[0].upper() != "ARG":
            return False
    return False


def _given_to_pip(dockerfile: bytes) -> set[str]:
    text = read_text_file(dockerfile)
    try:
        instructions = read_instructions(text)
    except NotUnderstoodError:
        return {posixpath.basename(one) for one in _arguments("".join(text.lines))}
    runs = ("".join(text.lines[one.start : one.end]) for one in instructions if one.keyword == "RUN")
    given = {posixpath.basename(one) for run in runs for one in _arguments(_CONTINUED.sub(" ", run))}
    for sources, target in map(copied, instructions):
        if posixpath.basename(target) in given:
            given |= {posixpath.basename(one) for one in sources}
    return given


def _arguments(run: str) -> Iterator[str]:
    for install in _PIP.finditer(run):
        yield from (found["file"] for found in _GIVEN.finditer(install["arguments"]))


def _included(project: Project, given: Set[str]) -> set[str]:
    """Base names of what requirements files include or constrain by, through any number of files."""
    named = [path for path in project.files if path.endswith(_REQUIREMENTS)]
    roots = sorted(named, key=lambda path: path.count("/"))[:MOST_ROOTS]
    waiting = [*roots, *(path for path in project.files if posixpath.basename(path) in given)]
    seen, found = set(waiting), set()
    while waiting:
        path = waiting.pop()
        targets = set(_targets(path, project.read(path) or b""))
        found |= {posixpath.basename(one) for one in targets}
        waiting += targets - seen
        seen |= targets
    return found


def _targets(path: str, content: bytes) -> Iterator[str]:
    """Paths that it includes; a long text that is no requirements file is not read as one."""
    if _INCLUDES.search("".join(read_text_file(content).lines)):
        targets = (one.target for one in requirements_txt.parse(content).entries)
        yield from (found for one in targets if one and (found := requirements_txt.resolve(path, one)))
