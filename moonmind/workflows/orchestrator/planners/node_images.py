"""The little of a Dockerfile and of `.nvmrc` that planning for Node needs."""

from __future__ import annotations

import re

from moonmind.workflows.orchestrator.planners import Planning, Project

_FROM = re.compile(r"^FROM\s+(?:--\S+\s+)*(?P<image>\S+)", re.IGNORECASE)
_NODE_IMAGE = re.compile(r"^(?:\S+/)?node:(?P<version>\d{1,2}(?:\.\d{1,3}){0,2})(?:-|$)")
_INSTALL = re.compile(r"\bnpm\s+(?:ci|clean-install|install|i)\b(?P<arguments>[^&|;]*)")
_OMITS = re.compile(r"--omit[= ]dev\b|--production(?:=true)?(?:\s|$)|--only[= ]prod(?:uction)?\b")
_INCLUDES = re.compile(r"--include[= ]dev\b|--production=false\b")
_PRODUCTION = re.compile(r"^(?:ENV|ARG)\s+(?:.*\s)?NODE_ENV[= ][\"']?production\b", re.IGNORECASE)
_PRUNES = re.compile(r"\bnpm\s+prune\b[^&|;]*(?:--omit[= ]dev|--production)")
_NVMRC = re.compile(r"^v?(?P<version>\d{1,2}(?:\.\d{1,3}){0,2})\s*$")


def node_of(planning: Planning) -> str | None:
    """The Node that the service runs on: as its runtime says, else its image, else `.nvmrc`."""
    if planning.facts.node:
        return planning.facts.node
    images = [found["version"] for text in _dockerfiles(planning.project) if (found := _last_image(text))]
    if len(set(images)) == 1:
        return images[0]
    nvmrc = _NVMRC.match(planning.project.manifests.get(".nvmrc", b"").decode("utf-8", "replace"))
    return nvmrc["version"] if nvmrc else None


def leaves_out_development(project: Project) -> str | None:
    """The instruction by which the image goes without development dependencies; None when none does for sure."""
    found = [_leaving_out(text) for text in _dockerfiles(project)]
    return found[0] if len(found) == 1 else None


def _leaving_out(text: str) -> str | None:
    """The last stage's last word on it."""
    said: str | None = None
    is_production = False
    for line in _instructions(text):
        if _FROM.match(line):
            said, is_production = None, False
        elif _PRODUCTION.match(line):
            is_production = True
        elif install := _INSTALL.search(line):
            omits = bool(_OMITS.search(install["arguments"])) or (
                is_production and not _INCLUDES.search(install["arguments"])
            )
            said = line if omits else None
        if _PRUNES.search(line):
            said = line
    return said[:200] if said else None


def _last_image(text: str) -> re.Match[str] | None:
    images = [found["image"] for line in _instructions(text) if (found := _FROM.match(line))]
    return _NODE_IMAGE.match(images[-1]) if images else None


def _dockerfiles(project: Project) -> list[str]:
    names = sorted(path for path in project.manifests if path.rpartition("/")[2].startswith("Dockerfile"))
    return [project.manifests[name].decode("utf-8", "replace") for name in names]


def _instructions(text: str) -> list[str]:
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [line.strip() for line in re.sub(r"\\[ \t]*\n", " ", kept).splitlines()]
