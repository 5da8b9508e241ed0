"""What the system of an image lacks: which Debian package to add to which stage, or why none."""

from __future__ import annotations

from collections.abc import Mapping

from moonmind.schemas.workflow_models import Edit, Finding
from moonmind.workflows.orchestrator.detectors import os_executables, os_libraries, os_toolchain
from moonmind.workflows.orchestrator.edits.dockerfile import installs
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning, Project, Remedy
from moonmind.workflows.orchestrator.planners.build_sites import Site, site_of
from moonmind.workflows.orchestrator.planners.os_packages import Held, Release, release
from moonmind.workflows.orchestrator.planners.program_owners import other_owner

SHOWN = 6
"""Candidates that are shown to a person."""


def add_library(finding: Finding, planning: Planning) -> list[Edit]:
    """The package that holds the library. Raises NoSafeEditError."""
    site, debian = _ground(finding, planning)
    name = finding.subject or ""
    return [_edit(finding, site, debian, _only(debian.library(name), debian, f"the library `{name}`"))]


def add_link_library(finding: Finding, planning: Planning) -> list[Edit]:
    """The `-dev` package whose link the linker follows. Raises NoSafeEditError."""
    site, debian = _ground(finding, planning)
    name = f"lib{finding.subject}.so"
    return [_edit(finding, site, debian, _only(debian.library(name), debian, f"the library `{name}`"))]


def add_header(finding: Finding, planning: Planning) -> list[Edit]:
    """The `-dev` package that holds the header. Raises NoSafeEditError."""
    site, debian = _ground(finding, planning)
    name = finding.subject or ""
    if name == "Python.h":
        return [_edit(finding, site, debian, _pythons_headers(site, debian))]
    held = debian.header(name)
    if held and finding.details.get("quoted") and not held.path.endswith(f"include/{name}"):
        raise NoSafeEditError(f"`{name}` is included in double quotes, as a file of the project's own: it is not there")
    return [_edit(finding, site, debian, _only(held, debian, f"the header `{name}`"))]


def add_compiler(finding: Finding, planning: Planning) -> list[Edit]:
    """The package that brings the compilers, with all that they need; of a second compiler its own."""
    site, debian = _ground(finding, planning)
    name = _compiler(finding.subject or "cc")
    package, brings = debian.compilers
    held = debian.program(name)
    if held is None or name not in brings:
        return [_edit(finding, site, debian, _only(held, debian, f"the compiler `{name}`"))]
    if name != "gcc" and _has(site, "gcc"):
        return [_edit(finding, site, debian, Held(held.path, (name,)))]
    proof = f"{_proof(debian, Held(held.path, (name,)))}, which {package} brings with the headers of the C library"
    return [_edit(finding, site, debian, Held(held.path, (package,)), proof)]


def add_tool(finding: Finding, planning: Planning) -> list[Edit]:
    """The package that holds a build tool. Raises NoSafeEditError."""
    site, debian = _ground(finding, planning)
    name = finding.subject or ""
    return [_edit(finding, site, debian, _only(debian.program(name), debian, f"the build tool `{name}`"))]


def add_pkg_config_package(finding: Finding, planning: Planning) -> list[Edit]:
    """The package that holds the pkg-config file; of several names that would do, the one that holds most of them."""
    site, debian = _ground(finding, planning)
    names = [finding.subject or "", *finding.details.get("or", "").split()]
    found = [held for name in names if (held := debian.pkg_config(name))]
    packages = [package for held in found for package in held.packages]
    best = max((packages.count(package) for package in packages), default=0)
    most = tuple(dict.fromkeys(package for package in packages if packages.count(package) == best))
    path = next((held.path for held in found if most and most[0] in held.packages), "")
    held = Held(path, most) if most else None
    return [_edit(finding, site, debian, _only(held, debian, f"pkg-config's `{names[0]}`"))]


def add_program(finding: Finding, planning: Planning) -> list[Edit]:
    """The package that holds the program, unless it is one that a language's own installer brings."""
    site, debian = _ground(finding, planning)
    return [program_edit(finding, site, debian, planning.project)]


def program_edit(finding: Finding, site: Site, debian: Release, project: Project) -> Edit:
    """See `add_program`. Raises NoSafeEditError."""
    name = finding.subject or ""
    held = _only(debian.program(name), debian, f"a program `{name}`")
    if owner := other_owner(name, held.packages[0], site, debian, project):
        raise NoSafeEditError(
            f"`{name}` is {owner}: add it to the service's own dependencies, or see why it is not in the image"
        )
    return _edit(finding, site, debian, held)


def ground(site: Site) -> Release:
    """The kept data of the site's system. Raises NoSafeEditError."""
    if site.system is None:
        raise NoSafeEditError(
            f"{site.file} starts from `{site.stage.image or site.stage.written}`, which does not say "
            "which system it has, and no such image is here to look: use a tag with the release's name (`-bookworm`), "
            "or add the package yourself"
        )
    if site.system == "alpine":
        raise NoSafeEditError(
            "the image is Alpine's, whose packages have other names and another C library: look for the file at "
            "its package search and `apk add` it, or use the image's Debian variant"
        )
    if (found := release(site.system)) is None:
        raise NoSafeEditError(
            f"no package index of {site.system} is kept here: look there for the package that has the file"
        )
    return found


def _ground(finding: Finding, planning: Planning) -> tuple[Site, Release]:
    site = site_of(finding, planning)
    return site, ground(site)


def _only(held: Held | None, debian: Release, what: str) -> Held:
    if held is None:
        raise NoSafeEditError(
            f"Debian {debian.name}'s package index lists no package with {what}: nothing can be added for it"
        )
    if len(held.packages) > 1:
        shown = ", ".join(held.packages[:SHOWN]) + (" and more" if len(held.packages) > SHOWN else "")
        raise NoSafeEditError(f"several packages of Debian {debian.name} have {what}: {shown}. Add the right one")
    return held


def _edit(finding: Finding, site: Site, debian: Release, held: Held, proof: str | None = None) -> Edit:
    package = held.packages[0]
    if _has(site, package):
        where = f"{site.file} already installs {package}"
        raise NoSafeEditError(f"{finding.summary}, yet {where}: rebuild the service, or see why it is not found there")
    said = proof or _proof(debian, held)
    return Edit(
        kind="os_package_add",
        file=site.file,
        name=package,
        stage=site.stage_name,
        before=site.before,
        reason=f"{finding.summary}; {said}",
        proof=said,
    )


def _proof(debian: Release, held: Held) -> str:
    package = held.packages[0]
    listed = debian.packages_of(held.path)
    if package in listed:
        return f"Debian {debian.name}'s package index lists {held.path} in {package}"
    return f"Debian {debian.name}'s package index lists {held.path} in {listed[0]}, which {package} brings"


def _has(site: Site, package: str) -> bool:
    """Whether the stage, or one that it starts from, installs it before the place."""
    dockerfile, stage = site.dockerfile, site.stage
    own = dockerfile.of_stage(stage.number)
    words = [one.words for one in own]
    reachable = own[: words.index(site.before)] if site.before in words else own
    while not installs(dockerfile, reachable, package):
        if stage.base is None:
            return False
        stage = dockerfile.stages[stage.base]
        reachable = dockerfile.of_stage(stage.number)
    return True


def _compiler(name: str) -> str:
    name = name.removeprefix("x86_64-linux-gnu-").rstrip("0123456789").rstrip("-")
    return {"cc": "gcc", "c99": "gcc", "c++": "g++"}.get(name, name)


def _pythons_headers(site: Site, debian: Release) -> Held:
    """Of Debian's own Python; the official Python images have theirs, where only their own Python looks."""
    image = (site.dockerfile.root_image(site.stage) or "").partition(":")[0]
    if image.rpartition("/")[2] in ("python", "pypy"):
        raise NoSafeEditError(
            "the official Python images have Python.h for their own Python: another Python of the image (Debian's) was "
            "used, so call the image's own `python` and `pip`"
        )
    return _only(debian.program("python3-config"), debian, "Python's headers")


REMEDIES: Mapping[str, Remedy] = {
    os_libraries.LIBRARY_MISSING: add_library,
    os_toolchain.HEADER_MISSING: add_header,
    os_toolchain.COMPILER_MISSING: add_compiler,
    os_toolchain.LINK_LIBRARY_MISSING: add_link_library,
    os_toolchain.TOOL_MISSING: add_tool,
    os_toolchain.PC_MISSING: add_pkg_config_package,
    os_executables.PROGRAM_MISSING: add_program,
}
EXPLAINED: Mapping[str, str] = {
    os_toolchain.RUST_MISSING: "take a release of the package that has a wheel for this Python and platform, or build "
    "it in a stage from a Rust image: Debian's own Rust is often older than packages ask for",
}
