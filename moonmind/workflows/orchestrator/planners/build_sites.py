"""Where in which Dockerfile a package of the system belongs, and which system is installed there."""

from __future__ import annotations

import re
from dataclasses import dataclass

from moonmind.schemas.workflow_models import Finding
from moonmind.workflows.orchestrator.edits.dockerfile_text import (
    Dockerfile,
    NotUnderstoodError,
    Stage,
    read_dockerfile,
)
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning, Project

_CODENAME = re.compile(
    r"(?:^|[-:.])(?P<codename>bookworm|trixie|bullseye|buster|sid|noble|jammy|focal|alpine)(?=$|[-.\d])"
)
_DEBIAN = {"12": "bookworm", "13": "trixie", "11": "bullseye"}
_UBUNTU = frozenset({"noble", "jammy", "focal"})


@dataclass(frozen=True, slots=True)
class Site:
    """A stage of a Dockerfile. `before`: the instruction that failed there, None for what the image lacks when it runs;
    `system` as in `ServiceFacts`, None when nothing says."""

    file: str
    dockerfile: Dockerfile
    stage: Stage
    before: str | None
    system: str | None

    @property
    def stage_name(self) -> str | None:
        """The stage as an edit names it: None for the last."""
        if self.stage.number == len(self.dockerfile.stages) - 1:
            return None
        return self.stage.name or str(self.stage.number)


def site_of(finding: Finding, planning: Planning) -> Site:
    """The stage whose instruction failed, else the last one of the image. Raises NoSafeEditError."""
    if planning.project.install is not None:
        raise NoSafeEditError(
            "the service runs on this machine itself: its administrator installs what the system lacks"
        )
    before = finding.details.get("before")
    read = read_dockerfiles(planning.project)
    sites = [site for file, dockerfile in read.items() for site in _sites(file, dockerfile, finding, planning)]
    if len(sites) > 1 and any(site.file == "Dockerfile" for site in sites):
        sites = [site for site in sites if site.file == "Dockerfile"]
    if len(sites) != 1:
        what = f"`{before}`" if before else "the service's image"
        raise NoSafeEditError(
            f"{len(sites) or 'no'} places in Dockerfiles of the workspace make {what}: it is not clear which"
        )
    return sites[0]


def read_dockerfiles(project: Project) -> dict[str, Dockerfile]:
    """Every Dockerfile of the workspace that was understood. Raises NoSafeEditError when none was."""
    read: dict[str, Dockerfile] = {}
    reasons: list[str] = []
    for path in sorted(project.manifests):
        name = path.rpartition("/")[2]
        if name.endswith(".dockerignore") or not (name.startswith("Dockerfile") or name.endswith(".Dockerfile")):
            continue
        try:
            read[path] = read_dockerfile(project.manifests[path])
        except NotUnderstoodError as error:
            reasons.append(f"{path} is not edited: {error}")
    if not read:
        raise NoSafeEditError("; ".join(reasons) or "the workspace has no Dockerfile in which it could be installed")
    return read


def system_of_image(image: str | None) -> str | None:
    """What an image's name says of its system: a codename in the tag, or Debian's own version; None when nothing."""
    tag = (image or "").partition("@")[0].rpartition("/")[2]
    if found := _CODENAME.search(tag.lower()):
        codename = found["codename"]
        if codename == "alpine":
            return "alpine"
        return f"ubuntu {codename}" if codename in _UBUNTU else f"debian {codename}"
    name, _, version = tag.partition(":")
    number = version.partition("-")[0].partition(".")[0]
    return f"debian {_DEBIAN[number]}" if name == "debian" and number in _DEBIAN else None


def _sites(file: str, dockerfile: Dockerfile, finding: Finding, planning: Planning) -> list[Site]:
    before = finding.details.get("before")
    if before is None:
        stages = [dockerfile.stages[-1]]
    else:
        numbers = [one.stage for one in dockerfile.instructions if one.words == before]
        named = dockerfile.stage(finding.details["stage"]) if finding.details.get("stage") else None
        if named and named.number in numbers:
            numbers = [named.number]
        stages = [dockerfile.stages[number] for number in numbers if number >= 0]
    return [Site(file, dockerfile, stage, before, _system(dockerfile, stage, planning)) for stage in stages]


def _system(dockerfile: Dockerfile, stage: Stage, planning: Planning) -> str | None:
    """The image's name says it, or the image itself was asked: then every stage from the same image has it too."""
    image = dockerfile.root_image(stage)
    asked = planning.facts.system if image == dockerfile.root_image(dockerfile.stages[-1]) else None
    return system_of_image(image) or asked
