"""A missing npm package: whether to add it, or why not.

The rule, in this order: Node's own modules, the project's own files and aliases, and names that look like a slip for a
listed or an established one are never looked up. What is looked up must exist under that very name, run on the
service's Node, and be no newcomer: an established name (the kept data) needs FEWEST_VERSIONS versions and YOUNGEST
days, any other ESTABLISHED versions and a YEAR, and must not be deprecated. The rest is shown and not added.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from moonmind.schemas.workflow_models import Edit, Finding
from moonmind.workflows.orchestrator.detectors import node_modules as node
from moonmind.workflows.orchestrator.edits.package_json import DEVELOPMENT, RUNTIME
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning, Project, Remedy
from moonmind.workflows.orchestrator.planners.node_files import in_workspace
from moonmind.workflows.orchestrator.planners.node_images import leaves_out_development, node_of
from moonmind.workflows.orchestrator.planners.node_manifest import NodeManifest, read_manifest
from moonmind.workflows.orchestrator.planners.node_releases import choose_version
from moonmind.workflows.orchestrator.planners.npm_names import established, is_builtin, known_name_meant
from moonmind.workflows.orchestrator.planners.npm_versions import admits, newest, parse_version, runs_on
from moonmind.workflows.orchestrator.planners.own_modules import BY_CUSTOM
from moonmind.workflows.orchestrator.planners.spelling import is_near, is_slip
from moonmind.workflows.orchestrator.planning_ports import NpmRelease

FEWEST_VERSIONS = 3
"""Of an established name: what was taken over or put in its place has fewer."""
ESTABLISHED = 10
YOUNGEST = 90
"""Days since the first publication: squatted names are taken down within weeks."""
YEAR = 365

_PLAIN = re.compile(r"^(?:@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*$")
_SOURCE = re.compile(r"(?:/index)?\.[cm]?[jt]sx?$")
_OWN_CONFIGURATION = ("tsconfig.json", "jsconfig.json")


def add_package(finding: Finding, planning: Planning) -> list[Edit]:
    """The package that is proven to be the one that is missing. Raises NoSafeEditError, IndexUnavailableError."""
    name, package = finding.subject or "", finding.details.get("package", "")
    refuse_builtin(name, finding.details.get("told_by"))
    refuse_own(name, package, finding.details.get("importer", ""), planning.project)
    manifest = read_manifest(planning.project)
    if already := _listed(package, manifest, planning.project):
        return already
    if (asking := node.installed_package(finding.details.get("importer", ""))) is not None:
        return [_peer(package, asking, manifest, planning)]
    refuse_slip(package, manifest)
    release = planning.knowledge.npm.newest(package, node=node_of(planning))
    if release is None:
        raise NoSafeEditError(f"the npm registry has no `{package}` that this Node can run: correct the import")
    if reason := doubt_about(release):
        raise NoSafeEditError(f"`{package}` is in the npm registry, but {reason}: add it yourself if it is meant")
    version, why = choose_version(release, finding, planning)
    return [_addition(manifest, package, manifest.written(version), f"`{name}` is missing", _proof(release) + why)]


def refuse_builtin(name: str, told_by: str | None = None) -> None:
    """Raises NoSafeEditError for a module of Node itself. `told_by`: see the detector."""
    if not is_builtin(name):
        return
    if told_by == "bundler":
        raise NoSafeEditError(
            f"`{name}` is a module of Node itself, and the bundle is made for browsers: build it for Node, or use "
            "something that browsers have"
        )
    raise NoSafeEditError(f"`{name}` is a module of Node itself, never a package: look at how the program is started")


def refuse_own(name: str, package: str, importer: str, project: Project) -> None:
    """Raises NoSafeEditError for a file or an alias of the project. `importer`: the file that asks, "": not known."""
    top = name.partition("/")[0]
    if name.startswith("#"):
        raise NoSafeEditError(f"`{name}` is an alias that package.json's `imports` has to define")
    if not package or not _PLAIN.match(package):
        raise NoSafeEditError(
            f"`{name}` is no package's name but an alias of the project: tell the program that runs or bundles it "
            "what the alias stands for, or write relative paths"
        )
    if file := _alias(name, project):
        raise NoSafeEditError(
            f"`{name}` is an alias that {file} defines, which Node itself does not know: have the build replace it, "
            "or write a relative path"
        )
    folders = {path.rpartition("/")[0].rpartition("/")[2] for path in project.files if "/" in path}
    own = _own_file(name, importer, project)
    is_known = package in established() and top not in BY_CUSTOM
    if not is_known and (own or (top in folders and "/" in name)):
        raise NoSafeEditError(
            f"`{name}` is the project's own{f' ({own})' if own else ''}: write a relative path, or set the base folder "
            "for the program that runs it"
        )
    if top in BY_CUSTOM and package not in established():
        raise NoSafeEditError(f"`{top}` is what programs call a module of their own; no package is looked up for it")


def _own_file(name: str, importer: str, project: Project) -> str | None:
    """The project's file that a bare name would mean from some base folder; never the file that asks."""
    stems = (name, f"src/{name}", f"app/{name}", f"lib/{name}")
    asking = in_workspace(importer, project.files)
    return next((path for path in project.files if path != asking and _SOURCE.sub("", path) in stems), None)


def _alias(name: str, project: Project) -> str | None:
    """The file that defines a path alias which fits; read as text, since such files hold comments."""
    scope = re.escape(name.partition("/")[0])
    for file in _OWN_CONFIGURATION:
        text = (project.read(file) or b"").decode("utf-8", "replace")[:100_000]
        if re.search(rf'"paths"\s*:[^}}]{{0,5000}}"{scope}(?:/\*)?"', text):
            return file
    return None


def _listed(package: str, manifest: NodeManifest, project: Project) -> list[Edit]:
    """What follows for a package that package.json lists; empty when it does not."""
    if package == manifest.name:
        raise NoSafeEditError(f"`{package}` is the project itself: its `exports` or `main` leads nowhere")
    wanted = manifest.wanted(package)
    if wanted is None:
        return []
    developed = manifest.wanted(package, DEVELOPMENT)
    if developed is not None and manifest.wanted(package, RUNTIME) is None:
        if said := leaves_out_development(project):
            proof = f"listed among {DEVELOPMENT}, which the image leaves out: {said}"
            return [_addition(manifest, package, developed, f"`{package}` is needed at run time", proof)]
        raise NoSafeEditError(
            f"package.json lists `{package}` among {DEVELOPMENT}: rebuild the service, or move it to {RUNTIME} if the "
            "installation leaves those out"
        )
    raise NoSafeEditError(
        f"package.json already lists `{package}` ({wanted}), so what runs was built before: rebuild the service, and "
        "see that nothing covers node_modules (a mounted folder, another working directory)"
    )


def refuse_slip(package: str, manifest: NodeManifest) -> None:
    """Raises NoSafeEditError for what looks like a misspelling of a listed or an established name."""
    if package in established():
        return
    plain = package.replace("-", "_")
    for one in sorted(manifest.listed):
        other = one.replace("-", "_")
        if is_slip(plain, other) or (is_near(plain, other) and not plain.startswith(other)):
            raise NoSafeEditError(
                f"`{package}` looks like a misspelling of `{one}`, which is listed: correct the import"
            )
    if meant := known_name_meant(package):
        raise NoSafeEditError(f"`{package}` looks like a misspelling of `{meant}`: correct the import")


def doubt_about(release: NpmRelease) -> str | None:
    """Why a package that exists is not taken; None when nothing speaks against it."""
    if parse_version(release.version) is None:
        return "only a placeholder stands there, as for packages that were taken down"
    known = release.name in established()
    if release.age_days is None or release.age_days < (YOUNGEST if known else YEAR):
        age = "of unknown age" if release.age_days is None else f"only {release.age_days} days old"
        return f"it is {age}"
    if len(release.versions) < (FEWEST_VERSIONS if known else ESTABLISHED):
        return f"it has only {len(release.versions)} versions"
    if release.deprecated and not known:
        return f"its maintainers advise against it ({release.deprecated[:200]})"
    return None


def _proof(release: NpmRelease) -> str:
    source = (
        "an established name" if release.name in established() else "not among the established names, but no newcomer"
    )
    since = f", first published {release.published[:10]}" if release.published else ""
    return f"the npm registry has {release.name} {release.version} ({len(release.versions)} versions{since}; {source})"


def _peer(package: str, asking: str, manifest: NodeManifest, planning: Planning) -> Edit:
    """What an installed package wants beside it: in the range that its release names."""
    listed = manifest.wanted(asking)
    if listed is None:
        raise NoSafeEditError(
            f"`{asking}` needs `{package}`, and package.json lists neither: build the image anew from its lock file"
        )
    npm, node_version = planning.knowledge.npm, node_of(planning)
    suiting = (one for one in npm.offers(asking) if (v := parse_version(one.version)) and admits(listed, v))
    wanted = next(suiting, None)
    peer = wanted.peers.get(package) if wanted else None
    if wanted is None or peer is None:
        raise NoSafeEditError(
            f"`{asking}` needs `{package}` without saying so: build the image anew, or take another release"
        )
    found = newest(
        one.version
        for one in npm.offers(package)
        if (v := parse_version(one.version)) and admits(peer, v) and runs_on(one.engines, node_version)
    )
    if found is None:
        raise NoSafeEditError(
            f"`{asking}` wants `{package}` {peer}, and the npm registry has none that this Node can run"
        )
    proof = f"{asking} {wanted.version} names {package} {peer} as what it needs beside it"
    return _addition(manifest, package, manifest.written(found), f"`{package}` is missing", proof)


def _addition(manifest: NodeManifest, package: str, wanted: str, missing: str, proof: str) -> Edit:
    reason = f"{missing}; {proof}"
    return Edit(kind="npm_add", file=manifest.file, name=package, version=wanted, reason=reason, proof=proof)


REMEDIES: Mapping[str, Remedy] = {node.PACKAGE_MISSING: add_package}
