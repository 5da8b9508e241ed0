"""Base images and stages: a tag that does not exist, a Python that is too old, a stage by another name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from moonmind.schemas.workflow_models import Edit, Finding
from moonmind.workflows.orchestrator.detectors import dockerfiles as docker
from moonmind.workflows.orchestrator.edits.dockerfile_text import Dockerfile, Stage
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning, Remedy
from moonmind.workflows.orchestrator.planners.build_sites import read_dockerfiles
from moonmind.workflows.orchestrator.planners.dockerfile_changes import only_near, word_replaced
from moonmind.workflows.orchestrator.planners.own_modules import own_modules

_HUB = re.compile(r"^(?:docker\.io/)?(?:library/)?")
_PYTHON_TAG = re.compile(r"^(?P<version>3\.\d+)(?:\.\d+)?(?P<variant>(?:-[\w.]+)*)$")


def correct_tag(finding: Finding, planning: Planning) -> list[Edit]:
    """Another tag, when the engine has the same image under just one that this one is a slip of."""
    image = _plain(finding.subject or "")
    repository, _, tag = image.rpartition(":")
    uses = _uses(planning, image)
    if not uses or not repository:
        raise NoSafeEditError(
            f"{finding.summary}: no Dockerfile of the workspace names it as it is, so correct it by hand"
        )
    here = [one.rpartition(":")[2] for one in planning.facts.images if _plain(one).rpartition(":")[0] == repository]
    meant = only_near(tag, here)
    if meant is None:
        shown = f" (of the same image the engine has: {', '.join(sorted(here)[:6])})" if here else ""
        raise NoSafeEditError(
            f"{finding.summary}, and nothing shows which tag is meant{shown}: choose one that its registry has"
        )
    proof = f"the engine has {repository}:{meant}, of which `{tag}` is a slip"
    return [_set(file, dockerfile, stage, meant, finding, proof) for file, dockerfile, stage in uses]


def newer_python(finding: Finding, planning: Planning) -> list[Edit]:
    """The lowest Python that the service's own project asks for, when the engine has that image in the same variant."""
    own = own_modules((), planning.project.read("pyproject.toml")).importable
    name = canonicalize_name(finding.subject or "").replace("-", "_")
    if name not in own:
        raise NoSafeEditError(
            f"{finding.summary}: it is no project of the workspace, so take a release of it for this Python"
        )
    found = [
        (file, dockerfile, stage, parsed)
        for file, dockerfile in read_dockerfiles(planning.project).items()
        for stage in dockerfile.stages
        if (parsed := _python(stage)) and parsed["version"] == finding.details.get("python")
    ]
    if not found:
        raise NoSafeEditError(f"{finding.summary}: no Dockerfile of the workspace names that Python in a tag")
    return [_newer(*one, finding, planning) for one in found]


def correct_stage(finding: Finding, planning: Planning) -> list[Edit]:
    """The one stage that the name is a slip of. Raises NoSafeEditError."""
    name = finding.subject or ""
    for file, dockerfile in read_dockerfiles(planning.project).items():
        using = [one for one in dockerfile.instructions if f"--from={name}" in one.text.split()]
        meant = only_near(name, [stage.name for stage in dockerfile.stages if stage.name])
        if using and meant:
            why = f"`{name}` is no stage and no image; {file} has one stage of a near name, `{meant}`"
            return word_replaced(planning.project, file, using, f"--from={name}", f"--from={meant}", why)
    raise NoSafeEditError(f"{finding.summary}, and none has a near name: name the stage or image that is meant")


def tag_or_stage(finding: Finding, planning: Planning) -> list[Edit]:
    """BuildKit asks the registry for a stage that it does not know: then it is the stage that is misspelt."""
    name = _plain(finding.subject or "").removesuffix(":latest")
    files = read_dockerfiles(planning.project).values()
    if any(f"--from={name}" in one.text.split() for dockerfile in files for one in dockerfile.instructions):
        return correct_stage(finding.model_copy(update={"subject": name}), planning)
    return correct_tag(finding, planning)


def _newer(
    file: str, dockerfile: Dockerfile, stage: Stage, parsed: re.Match[str], finding: Finding, planning: Planning
) -> Edit:
    wanted, variant = _wanted(finding), parsed["variant"]
    repository = _plain(stage.image or "").rpartition(":")[0]
    here = [
        _PYTHON_TAG.match(one.rpartition(":")[2])
        for one in planning.facts.images
        if _plain(one).startswith(f"{repository}:")
    ]
    fitting = [one for one in here if one and one["variant"] == variant and wanted.contains(f"{one['version']}.99")]
    if not fitting:
        raise NoSafeEditError(
            f"{finding.summary} ({wanted}): the engine has no {repository} image of that variant that is new enough; "
            f"set the tag in {file} to one that its registry has"
        )
    if _names_python(dockerfile, parsed["version"]):
        raise NoSafeEditError(
            f"{finding.summary} ({wanted}): {file} names python{parsed['version']} in paths as well, so change both"
        )
    lowest = min(fitting, key=lambda one: Version(one["version"]))[0]
    return _set(
        file, dockerfile, stage, lowest, finding, f"the engine has {repository}:{lowest}, which satisfies {wanted}"
    )


def _wanted(finding: Finding) -> SpecifierSet:
    try:
        return SpecifierSet(finding.details.get("wanted", ""))
    except InvalidSpecifier:
        raise NoSafeEditError(f"{finding.summary}: what it asks for is no valid specifier") from None


def _names_python(dockerfile: Dockerfile, version: str) -> bool:
    return any(f"python{version}" in one.text for one in dockerfile.instructions if one.keyword != "FROM")


def _python(stage: Stage) -> re.Match[str] | None:
    repository, _, tag = _plain(stage.image or "").rpartition(":")
    return _PYTHON_TAG.match(tag) if repository.rpartition("/")[2] == "python" else None


def _uses(planning: Planning, image: str) -> list[tuple[str, Dockerfile, Stage]]:
    files = read_dockerfiles(planning.project).items()
    return [(file, read, stage) for file, read in files for stage in read.stages if _plain(stage.written) == image]


def _set(file: str, dockerfile: Dockerfile, stage: Stage, tag: str, finding: Finding, proof: str) -> Edit:
    last = stage.number == len(dockerfile.stages) - 1
    return Edit(
        kind="base_image_set",
        file=file,
        name=stage.written.rpartition(":")[0],
        version=tag,
        stage=None if last else str(stage.number),
        reason=f"{finding.summary}; {proof}",
        proof=proof,
    )


def _plain(image: str) -> str:
    """Without what Docker adds to a short name."""
    return _HUB.sub("", image, count=1)


REMEDIES: Mapping[str, Remedy] = {
    docker.IMAGE_TAG_MISSING: tag_or_stage,
    docker.STAGE_UNKNOWN: correct_stage,
    docker.PYTHON_TOO_OLD: newer_python,
}
