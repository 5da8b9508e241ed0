"""Files that a Dockerfile does not copy, or names otherwise than they are called."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping

from moonmind.schemas.workflow_models import Edit, Finding
from moonmind.workflows.orchestrator.detectors import dockerfiles as docker
from moonmind.workflows.orchestrator.edits import requirements_txt
from moonmind.workflows.orchestrator.edits.dockerfile_text import Instruction
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning, Project, Remedy
from moonmind.workflows.orchestrator.planners.build_sites import Site, read_dockerfiles, site_of
from moonmind.workflows.orchestrator.planners.dockerfile_changes import (
    brings,
    copied,
    lines_added,
    only_near,
    word_replaced,
    work_folder,
)
from moonmind.workflows.orchestrator.planners.dockerignore import is_ignored

IGNORE = ".dockerignore"


def correct_source(finding: Finding, planning: Planning) -> list[Edit]:
    """The one file that a COPY can mean: of a near name beside it, or of its name in another folder."""
    project = planning.project
    path = posixpath.normpath((finding.subject or "").lstrip("/"))
    if path in project.files:
        _refuse_ignored(path, project)
        raise NoSafeEditError(f"{finding.summary}, yet the workspace has it: the build's context is another folder")
    found = [
        (file, one)
        for file, read in read_dockerfiles(project).items()
        for one in read.instructions
        if path in copied(one)[0]
    ]
    if not found:
        raise NoSafeEditError(f"{finding.summary}: no COPY of a Dockerfile of the workspace names it")
    meant = _meant(path, project)
    if meant is None:
        raise NoSafeEditError(
            f"{finding.summary}, nor just one file that could be meant: correct the COPY, or add the file"
        )
    file = found[0][0]
    why = f"the workspace has no `{path}`; the only file that can be meant is `{meant}`"
    return word_replaced(project, file, [one for name, one in found if name == file], path, meant, why)


def copy_manifest(finding: Finding, planning: Planning) -> list[Edit]:
    """The requirements file copied before the RUN that reads it, or the RUN's slip of its name corrected."""
    site = site_of(finding, planning)
    run = next((one for one in site.dockerfile.of_stage(site.stage.number) if one.words == site.before), None)
    if run is None:
        raise NoSafeEditError(f"{finding.summary}: the log does not say which RUN of {site.file} reads it")
    named = finding.subject or ""
    path = _in_workspace(named, work_folder(site.dockerfile, site.stage, run.start))
    if path in planning.project.files:
        return _copied_before(site, run, named, path, planning.project)
    meant = _meant(path, planning.project)
    if meant is None:
        raise NoSafeEditError(
            f"{finding.summary}, nor is there just one file that could be meant: correct the RUN, or add it"
        )
    _refuse_ignored(meant, planning.project)
    if posixpath.dirname(meant) == posixpath.dirname(path) and _is_brought(site, run, meant):
        why = f"the workspace has no `{path}`; the only file that can be meant is `{meant}`"
        new = posixpath.join(posixpath.dirname(named), posixpath.basename(meant))
        return word_replaced(planning.project, site.file, [run], named, new, why)
    return _copied_before(site, run, named, meant, planning.project)


def _copied_before(site: Site, run: Instruction, named: str, path: str, project: Project) -> list[Edit]:
    _refuse_ignored(path, project)
    if _is_brought(site, run, path):
        raise NoSafeEditError(
            f"`{path}` is copied before the RUN, but to another folder than pip looks in: correct one of them"
        )
    included = [one for one in _included(path, project) if one != path]
    if included and posixpath.dirname(named) != posixpath.dirname(path):
        raise NoSafeEditError(f"`{path}` includes {', '.join(included)}: copy them all to where the RUN looks")
    lines = [f"COPY {one} {_target(named, path, one)}" for one in (path, *included)]
    why = f"pip reads `{named}` in a RUN of {site.file}, and nothing copies `{path}` into the image before"
    return lines_added(project, site.file, run.start, lines, why)


def _target(named: str, path: str, one: str) -> str:
    """Where pip looks for it; for the same name in the same place the folder says enough."""
    beside = posixpath.join(posixpath.dirname(named), posixpath.relpath(one, posixpath.dirname(path) or "."))
    if posixpath.basename(beside) != posixpath.basename(one):
        return beside
    return f"{posixpath.dirname(beside)}/" if posixpath.dirname(beside) else "."


def _included(path: str, project: Project) -> list[str]:
    """The file and all that it includes or is constrained by, as far as they are in the workspace."""
    found, wanted = [], [path]
    while wanted:
        one = wanted.pop(0)
        if one in found or (content := project.manifests.get(one)) is None:
            continue
        found.append(one)
        targets = (
            requirements_txt.resolve(one, entry.target)
            for entry in requirements_txt.parse(content).entries
            if entry.target
        )
        wanted += [target for target in targets if target]
    return found


def _is_brought(site: Site, run: Instruction, path: str) -> bool:
    own = site.dockerfile.of_stage(site.stage.number)
    return any(brings(one, path) for one in own if one.start < run.start)


def _in_workspace(named: str, folder: str) -> str:
    """The workspace path that belongs to a path of the image, when the context is copied to the work folder."""
    whole = posixpath.normpath(posixpath.join(folder, named))
    inside = posixpath.relpath(whole, folder)
    return posixpath.basename(whole) if inside.startswith("..") else inside


def _meant(path: str, project: Project) -> str | None:
    """The one file of a near name in the same folder, else the one of the same name in another."""
    folder, name = posixpath.split(path)
    beside: Iterable[str] = (one for one in project.files if posixpath.dirname(one) == folder)
    if near := only_near(name, (posixpath.basename(one) for one in beside)):
        return posixpath.join(folder, near)
    elsewhere = [one for one in project.files if posixpath.basename(one) == name]
    return elsewhere[0] if len(elsewhere) == 1 else None


def _refuse_ignored(path: str, project: Project) -> None:
    if is_ignored(path, project.read(IGNORE)):
        raise NoSafeEditError(
            f"`{path}` is in the workspace, but {IGNORE} keeps it out of the build: change one of the two"
        )


REMEDIES: Mapping[str, Remedy] = {
    docker.COPY_SOURCE_MISSING: correct_source,
    docker.MANIFEST_NOT_COPIED: copy_manifest,
}
