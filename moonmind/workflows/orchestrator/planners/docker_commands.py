"""What a container starts, misspelt or not executable; and apt that installs without its lists of packages."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress

from moonmind.schemas.workflow_models import Edit, Finding
from moonmind.workflows.orchestrator.detectors import dockerfiles as docker
from moonmind.workflows.orchestrator.detectors import node_modules as node
from moonmind.workflows.orchestrator.edits.dockerfile_text import Instruction
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning, Remedy
from moonmind.workflows.orchestrator.planners.build_sites import Site, read_dockerfiles, site_of
from moonmind.workflows.orchestrator.planners.dockerfile_changes import (
    brings,
    copied,
    lines_added,
    only_near,
    word_replaced,
    work_folder,
)
from moonmind.workflows.orchestrator.planners.node_files import explain_file
from moonmind.workflows.orchestrator.planners.os_remedies import ground, program_edit

PROGRAMS_OF_IMAGES: Mapping[str, tuple[str, ...]] = {
    "python": ("python", "python3", "pip"),
    "node": ("node", "npm", "npx", "yarn"),
    "ruby": ("ruby", "bundle", "gem"),
}
"""What an official image is there to start; every Debian image has the shells too."""
SHELLS = ("bash", "sh")
INSTRUCTIONS = (
    *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL"),
    *("MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
)
"""All that the Dockerfile reference has."""
_INSTALL = re.compile(r"\b(?P<apt>apt-get|apt)(?=\s(?:[^&|;]*\s)?install\b)")


def correct_command(finding: Finding, planning: Planning) -> list[Edit]:
    """The program that the name is a slip of, else the package of the system that has the program."""
    site = site_of(finding, planning)
    name = finding.subject or ""
    image = (site.dockerfile.root_image(site.stage) or "").partition("@")[0].rpartition("/")[2].partition(":")[0]
    known = (*PROGRAMS_OF_IMAGES.get(image, ()), *SHELLS)
    if name in known:
        raise NoSafeEditError(f"{finding.summary}, although such images have it: see what the image's PATH is")
    if meant := only_near(name, known):
        why = f"the image has no program `{name}`; it has `{meant}`"
        return word_replaced(planning.project, site.file, _starts(site), name, meant, why)
    return [program_edit(finding, site, ground(site), planning.project)]


def correct_script(finding: Finding, planning: Planning) -> list[Edit]:
    """The one file of a near name that is copied into the image. Raises NoSafeEditError."""
    site = site_of(finding, planning)
    folder = work_folder(site.dockerfile, site.stage, len(site.dockerfile.text.lines))
    whole = posixpath.normpath(posixpath.join(folder, finding.subject or ""))
    path = posixpath.relpath(whole, folder)
    if path in planning.project.files:
        raise NoSafeEditError(f"{finding.summary}, and the workspace has `{path}`: copy it to where the command looks")
    parent, name = posixpath.split(path)
    beside = [one for one in planning.project.files if posixpath.dirname(one) == parent]
    meant = only_near(name, (posixpath.basename(one) for one in beside))
    own = site.dockerfile.of_stage(site.stage.number)
    if meant is None or not any(brings(one, posixpath.join(parent, meant)) for one in own):
        raise NoSafeEditError(
            f"{finding.summary}, nor just one file of a near name that is copied: correct the command"
        )
    why = f"the image has no `{name}`; the only file of a near name is `{meant}`"
    for old in (finding.subject or "", path, name):
        if any(old in one.text for one in _starts(site)):
            new = posixpath.join(posixpath.dirname(old), meant)
            return word_replaced(planning.project, site.file, _starts(site), old, new, why)
    raise NoSafeEditError(f"{why}; {site.file} starts it in words that were not found")


def correct_node_script(finding: Finding, planning: Planning) -> list[Edit]:
    """The same for the file that a container starts Node with; what a module asks for is explained as Node's."""
    if not finding.details.get("importer") and (finding.subject or "").startswith("/"):
        with suppress(NoSafeEditError):
            return correct_script(finding, planning)
    return explain_file(finding, planning)


def make_executable(finding: Finding, planning: Planning) -> list[Edit]:
    """`chmod` after the COPY that brings the script, as root. Raises NoSafeEditError."""
    site = site_of(finding, planning)
    named = finding.subject or ""
    folder = work_folder(site.dockerfile, site.stage, len(site.dockerfile.text.lines))
    whole = posixpath.normpath(posixpath.join(folder, named))
    own = site.dockerfile.of_stage(site.stage.number)
    place, script = _brought(own, whole, site, planning)
    if not (planning.project.read(script) or b"").startswith(b"#!"):
        raise NoSafeEditError(
            f"{finding.summary}, and `{script}` has no `#!` line: executable alone it would not start either"
        )
    user = site.dockerfile.user(site.stage, place.end)
    run = f"RUN chmod +x {whole}"
    lines = ["USER root", run, f"USER {user}"] if user else [run]
    why = f"`{named}` is copied from `{script}`, which is not executable in the image"
    return lines_added(planning.project, site.file, place.end, lines, why)


def correct_instruction(finding: Finding, planning: Planning) -> list[Edit]:
    """The instruction that the word is a slip of. Raises NoSafeEditError."""
    word = finding.subject or ""
    meant = only_near(word.upper(), INSTRUCTIONS)
    if meant is None:
        raise NoSafeEditError(f"{finding.summary}: write the instruction that is meant")
    for file, dockerfile in read_dockerfiles(planning.project).items():
        wrong = [one for one in dockerfile.instructions if one.keyword == word.upper()]
        written = {dockerfile.text.lines[one.start].split()[0] for one in wrong}
        if len(written) == 1:
            why = f"`{word}` is no instruction of a Dockerfile; `{meant}` is"
            return word_replaced(planning.project, file, wrong, written.pop(), meant, why)
    raise NoSafeEditError(f"{finding.summary}: no Dockerfile of the workspace has it on just one line")


def fetch_lists(finding: Finding, planning: Planning) -> list[Edit]:
    """`apt-get update` in the RUN that installs without it, when the release has the package."""
    site = site_of(finding, planning)
    name = finding.subject or ""
    debian = ground(site)
    if not debian.has_package(name):
        raise NoSafeEditError(
            f"Debian {debian.name}'s package index has no {name}: it is misspelt, or this release calls it otherwise"
        )
    own = site.dockerfile.of_stage(site.stage.number)
    run = next((one for one in own if one.words == site.before), None)
    if run is None or re.search(r"\bapt(?:-get)? (?:-\S+ )*update\b", run.words):
        raise NoSafeEditError(
            f"{finding.summary}, although Debian {debian.name} has it: see what its sources of packages are"
        )
    apt = _INSTALL.search(run.words)
    why = f"the RUN installs {name} without fetching apt's lists of packages first; Debian {debian.name} has {name}"
    if apt is None:
        raise NoSafeEditError(why)
    first = [line for line in site.dockerfile.text.lines[run.start : run.end] if _INSTALL.search(line)]
    if len(first) != 1:
        raise NoSafeEditError(why)
    number = site.dockerfile.text.lines.index(first[0], run.start)
    return _line_replaced(planning, site, number, _INSTALL.sub(r"\g<apt> update && \g<apt>", first[0], count=1), why)


def _line_replaced(planning: Planning, site: Site, number: int, line: str, why: str) -> list[Edit]:
    old = site.dockerfile.text.lines[number]
    if site.dockerfile.text.lines.count(old) != 1:
        raise NoSafeEditError(f"{why}; that line is in {site.file} more than once")
    return [Edit(kind="text_replace", file=site.file, old=old, new=line, reason=why)]


def _starts(site: Site) -> list[Instruction]:
    own = site.dockerfile.of_stage(site.stage.number)
    return [one for one in own if one.keyword in ("CMD", "ENTRYPOINT")]


def _brought(own: Sequence[Instruction], whole: str, site: Site, planning: Planning) -> tuple[Instruction, str]:
    """The last COPY that puts a file of the workspace there, and that file."""
    for one in reversed(own):
        sources, target = copied(one)
        folder = work_folder(site.dockerfile, site.stage, one.start)
        goal = posixpath.normpath(posixpath.join(folder, target))
        for source in sources:
            inside = posixpath.relpath(whole, goal)
            candidates = {source if goal == whole else "", posixpath.normpath(posixpath.join(source, inside))}
            if posixpath.basename(source) == inside:
                candidates.add(source)
            if found := next((path for path in sorted(candidates) if path in planning.project.files), None):
                return one, found
    raise NoSafeEditError(
        f"no COPY of {site.file} brings `{whole}` from the workspace: make it executable where it comes from"
    )


REMEDIES: Mapping[str, Remedy] = {
    docker.COMMAND_MISSING: correct_command,
    docker.SCRIPT_MISSING: correct_script,
    node.FILE_MISSING: correct_node_script,
    docker.NOT_EXECUTABLE: make_executable,
    docker.INSTRUCTION_UNKNOWN: correct_instruction,
    docker.OS_PACKAGE_UNKNOWN: fetch_lists,
}
EXPLAINED: Mapping[str, str] = {
    docker.EXEC_FORMAT: "a script needs a first line `#!` with its interpreter, a program a build for this machine",
    docker.INTERPRETER_MISSING: "its `#!` line ends with a carriage return (Windows line ends) or names a program that "
    "the image has not: convert the file's line ends, and keep them by `*.sh text eol=lf` in .gitattributes",
    docker.DOCKERFILE_MISSING: "add a Dockerfile there, or correct the path in the Compose file",
}
