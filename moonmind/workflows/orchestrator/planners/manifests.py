"""Where a service lists its dependencies, what is listed already, and how a further one is written there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from moonmind.workflows.orchestrator.edits import pyproject_toml, requirements_txt
from moonmind.workflows.orchestrator.edits.compiled import UnknownCompilerError, compiled_from
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Project
from moonmind.workflows.orchestrator.planners.dockerfile import installed_manifests

PYPROJECT = "pyproject.toml"


@dataclass(frozen=True, slots=True)
class Manifest:
    """`root` is what pip is given, `target` the file of it that a new line goes into (often the same)."""

    root: str
    target: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A dependency as a manifest lists it; `binding` is false for a line that only constrains."""

    file: str
    requirement: Requirement
    binding: bool = True


def choose_manifest(project: Project) -> Manifest:
    """The file that the service installs from, and the one a new dependency goes into. Raises NoSafeEditError."""
    if project.install is not None:
        path = _path_of(project.install)
        if path not in project.manifests:
            raise NoSafeEditError(f"the service installs from {path}, which is not in its workspace")
        return Manifest(path, _innermost(project, path))
    named = [one for text in _dockerfiles(project) for one in installed_manifests(text)]
    candidates = [*named, "requirements.txt", *_other_requirements(project), PYPROJECT]
    for candidate in candidates:
        if _path_of(candidate) in project.manifests:
            return Manifest(_path_of(candidate), _innermost(project, _path_of(candidate)))
    raise NoSafeEditError("the workspace has no requirements.txt and no pyproject.toml to add it to")


def listed_in(project: Project, path: str) -> list[Listed]:
    """Everything the manifest asks for, with what it includes and constrains. Raises NoSafeEditError."""
    if path.endswith(PYPROJECT):
        try:
            return [Listed(path, one) for one in pyproject_toml.dependencies(project.manifests[path])]
        except pyproject_toml.NotPep621Error as error:
            raise NoSafeEditError(f"{path} is not edited: {error}") from None
    return list(_listed(project, path, binding=True, seen=set()))


def explain_listed(distribution: str, listed: Sequence[Listed], python: str | None) -> str | None:
    """Why the module can be missing although its distribution is listed; None when it is not listed."""
    wanted = canonicalize_name(distribution)
    found = [one for one in listed if one.binding and canonicalize_name(one.requirement.name) == wanted]
    if not found:
        return None
    excluded = [one for one in found if not applies(one.requirement.marker, python)]
    if len(excluded) == len(found):
        return f"{found[0].file} lists `{found[0].requirement}`, but its marker leaves it out here: change the marker"
    return f"{found[0].file} already lists `{found[0].requirement}`, so what runs was built before: rebuild the service"


def specifier(listed: Sequence[Listed], name: str, version: str, *, below: str | None = None) -> str | None:
    """How the version is written, the way the file's other lines are: pinned, with a lower bound, or bare; `below`: the
    version from which on it must not be.

    A constraint on the distribution already says which version; nothing is added to it.
    """
    if any(canonicalize_name(one.requirement.name) == canonicalize_name(name) for one in listed if not one.binding):
        return None
    styles = Counter(_style(one.requirement) for one in listed if one.binding and one.requirement.url is None)
    style = styles.most_common(1)[0][0] if styles else ""
    if style == "==":
        return f"=={version}"
    major_minor = ".".join(str(part) for part in (*Version(version).release, 0)[:2])
    bounds = [f"{style}{major_minor}"] * bool(style) + [f"<{below}"] * bool(below)
    return ",".join(bounds) or None


def pin_below(one: Listed, version: str, below: str) -> str:
    """How a listed distribution is kept below a version, in the way it is listed: another pin, or an upper bound."""
    if _style(one.requirement) == "==":
        return f"=={version}"
    lower = [str(part) for part in one.requirement.specifier if part.operator in (">=", ">", "!=")]
    return ",".join([*sorted(lower), f"<{below}"])


def _style(requirement: Requirement) -> str:
    operators = {one.operator for one in requirement.specifier}
    if operators & {"==", "==="}:
        return "=="
    if "~=" in operators:
        return "~="
    return ">=" if operators else ""


def applies(marker: Marker | None, python: str | None, extra: str = "") -> bool:
    """True when a line with that marker counts on that Python ("3.11"; None: ours), and when nobody can tell: a marker
    may compare what has no order (`os_name ~= "posix"`)."""
    environment = {"python_version": python, "python_full_version": f"{python}.0"} if python else {}
    try:
        return marker is None or marker.evaluate({"extra": extra, **environment})
    except (UndefinedComparison, UndefinedEnvironmentName, InvalidVersion):
        return True


def _path_of(install: str) -> str:
    if install.endswith((".txt", ".in", ".toml")):
        return install
    folder = install.removeprefix("./").strip("/").removeprefix(".")
    return f"{folder}/{PYPROJECT}" if folder else PYPROJECT


def _innermost(project: Project, path: str) -> str:
    """A requirements file that only includes one other stands for that other one, a compiled one for its source."""
    seen = {path}
    while not path.endswith(PYPROJECT):
        source = _only_source(project, path)
        if source is not None and source not in seen:
            path = source
            seen.add(path)
            continue
        entries = requirements_txt.parse(project.manifests[path]).entries
        targets = [requirements_txt.resolve(path, one.target or "") for one in entries if one.kind == "include"]
        asks = any(one.kind in ("requirement", "link") for one in entries)
        if asks or len(targets) != 1 or targets[0] not in project.manifests or targets[0] in seen:
            break
        path = targets[0] or path
        seen.add(path)
    return path


def _only_source(project: Project, path: str) -> str | None:
    """What a compiled file was made from, where it is one file of the workspace."""
    try:
        made = compiled_from(project.manifests[path])
    except UnknownCompilerError:
        return None
    return made.sources[0] if made and len(made.sources) == 1 and made.sources[0] in project.manifests else None


def _listed(project: Project, path: str, *, binding: bool, seen: set[str]) -> Iterator[Listed]:
    if path in seen or path not in project.manifests:
        return
    seen.add(path)
    for entry in requirements_txt.parse(project.manifests[path]).entries:
        if entry.requirement is not None:
            yield Listed(path, entry.requirement, binding)
        elif entry.name is not None:
            yield Listed(path, Requirement(f"{entry.name} @ file:///{quote(path)}"), binding)
        elif entry.target and (target := requirements_txt.resolve(path, entry.target)):
            yield from _listed(project, target, binding=binding and entry.kind == "include", seen=seen)


def _dockerfiles(project: Project) -> list[str]:
    names = sorted(path for path in project.manifests if path.rpartition("/")[2].startswith("Dockerfile"))
    return [project.manifests[name].decode("utf-8", "replace") for name in names]


def _other_requirements(project: Project) -> list[str]:
    """Requirement files by other names, when there is no doubt which one: exactly one."""
    others = [path for path in sorted(project.manifests) if path.endswith(".txt") and path != "requirements.txt"]
    return others if len(others) == 1 else []
