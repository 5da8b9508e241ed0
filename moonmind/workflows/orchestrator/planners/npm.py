"""What npm refused to install, and releases that are ES modules only: pins that are proven, else explanations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from moonmind.schemas.workflow_models import Edit, Finding
from moonmind.workflows.orchestrator.detectors import node_modules as node
from moonmind.workflows.orchestrator.detectors import npm
from moonmind.workflows.orchestrator.edits import package_json
from moonmind.workflows.orchestrator.edits.text_replace import NotReplaceableError, replacements
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning, Remedy
from moonmind.workflows.orchestrator.planners.node_images import node_of
from moonmind.workflows.orchestrator.planners.node_manifest import NodeManifest, read_manifest
from moonmind.workflows.orchestrator.planners.npm_names import known_name_meant
from moonmind.workflows.orchestrator.planners.npm_versions import admits, parse_version, runs_on, style_of
from moonmind.workflows.orchestrator.planning_ports import LockToolError, NpmOffer, UnresolvableError


def pin_existing(finding: Finding, planning: Planning) -> list[Edit]:
    """The nearest version there is, of the same major: the highest below the wanted one, else the lowest above."""
    package, wanted = finding.subject or "", finding.details.get("wanted", "")
    manifest = read_manifest(planning.project)
    if manifest.wanted(package) != wanted:
        raise NoSafeEditError(
            f"{package}@{wanted} is not asked for by package.json itself: a dependency of it asks, so take another "
            "release of that one"
        )
    style, version = style_of(wanted), parse_version(wanted.lstrip("^~"))
    if style is None or version is None:
        raise NoSafeEditError(f"`{wanted}` names no single version of {package}: correct it in package.json")
    usable = [one for one in planning.knowledge.npm.offers(package) if runs_on(one.engines, node_of(planning))]
    found = {
        parsed: one.version for one in usable if (parsed := parse_version(one.version)) and parsed[0] == version[0]
    }
    if not found:
        majors = ", ".join(dict.fromkeys(one.version.partition(".")[0] for one in usable)) or "none that this Node runs"
        raise NoSafeEditError(f"{package} has no version {version[0]} (majors: {majors}): choose one in package.json")
    below = [one for one in found if one < version]
    nearest = found[max(below) if below else min(found)]
    proof = f"the npm registry has no {package} {wanted}; {nearest} is the nearest of major {version[0]}"
    return [_pin(manifest, package, f"{style}{nearest}", proof)]


def explain_unknown(finding: Finding, planning: Planning) -> list[Edit]:
    """Always raises NoSafeEditError: a name is never guessed."""
    package = finding.subject or ""
    meant = known_name_meant(package)
    hint = f"it looks like a misspelling of `{meant}`" if meant else "it is misspelt, private or was taken down"
    raise NoSafeEditError(f"{hint}: correct it in package.json, or give npm the registry that has it")


def settle_peers(finding: Finding, planning: Planning) -> list[Edit]:
    """The one change of a direct dependency with which npm finds versions for all; none or several: explained."""
    manifest = read_manifest(planning.project)
    package, peer = finding.subject or "", finding.details.get("wanted", "")
    proven = [edit for edit in _settlements(finding, manifest, planning) if _resolves(edit, manifest, planning)]
    if len(proven) == 1:
        return proven
    ways = "; or ".join(f"{edit.name} {edit.version}" for edit in proven)
    by = finding.details.get("by", "another package")
    raise NoSafeEditError(
        f"{by} wants {package} {peer}; "
        + (f"choose: {ways}" if ways else "no single change of package.json settles it")
    )


def _settlements(finding: Finding, manifest: NodeManifest, planning: Planning) -> Iterator[Edit]:
    """Candidates: the newest of the package that suits the peer's range; the newest of the peer that suits what is
    there."""
    package, peer = finding.subject or "", finding.details.get("wanted", "")
    by = finding.details.get("by", "").rpartition("@")[0]
    have = parse_version(finding.details.get("found", "").rpartition("@")[2])
    if manifest.wanted(package) is not None:
        suits = _newest(
            planning, package, lambda one: (v := parse_version(one.version)) is not None and admits(peer, v)
        )
        if suits:
            yield _pin(manifest, package, manifest.written(suits), f"npm finds versions for all with {package} {suits}")
    if manifest.wanted(by) is not None and have is not None:
        suits = _newest(planning, by, lambda one: package not in one.peers or admits(one.peers[package], have))
        if suits:
            yield _pin(manifest, by, manifest.written(suits), f"npm finds versions for all with {by} {suits}")


def _resolves(edit: Edit, manifest: NodeManifest, planning: Planning) -> bool:
    changed = package_json.pin(manifest.content, edit.name or "", edit.version or "")
    try:
        planning.knowledge.npm.resolve(changed)
    except UnresolvableError:
        return False
    return True


def lock_anew(finding: Finding, planning: Planning) -> list[Edit]:
    """The lock file as npm makes it for the package.json that is there."""
    files, facts = planning.project.manifests, planning.facts
    try:
        renewed = planning.knowledge.locks.refresh(files, {}, python=facts.python, node=facts.node)
        locks = {path: content for path, content in renewed.items() if path.rpartition("/")[2] in _LOCKS}
        why = "the lock file was made for another package.json; npm locked it anew, and what fits keeps its version"
        edits = [edit for path in sorted(locks) for edit in replacements(path, files[path], locks[path], why)]
    except (LockToolError, UnresolvableError, NotReplaceableError) as error:
        raise NoSafeEditError(str(error)) from None
    if not edits:
        raise NoSafeEditError("the files of the workspace agree, so the image was built from others: build it anew")
    return edits


_LOCKS = ("package-lock.json", "npm-shrinkwrap.json")


def pin_requirable(finding: Finding, planning: Planning) -> list[Edit]:
    """The newest version that `require()` takes."""
    package = finding.details.get("package", "")
    manifest = read_manifest(planning.project)
    if not package or manifest.wanted(package) is None:
        raise NoSafeEditError(
            f"`{finding.subject}` is an ES module: load it with `import`, or make the program an ES module"
            + (", or take a release of what depends on it" if package else "")
        )
    version = _newest(planning, package, lambda one: one.is_requirable)
    if version is None:
        raise NoSafeEditError(f"every release of `{package}` is an ES module: load it with `import()`")
    proof = f"{package} {version} is the newest release that require() takes, by its own package.json"
    return [_pin(manifest, package, manifest.written(version), proof)]


def _newest(planning: Planning, package: str, suits: Callable[[NpmOffer], bool]) -> str | None:
    """The newest version that suits and that the service's Node can run."""
    version_of_node = node_of(planning)
    offers = planning.knowledge.npm.offers(package)
    return next((one.version for one in offers if runs_on(one.engines, version_of_node) and suits(one)), None)


def _pin(manifest: NodeManifest, package: str, wanted: str, proof: str) -> Edit:
    return Edit(kind="npm_pin", file=manifest.file, name=package, version=wanted, reason=proof, proof=proof)


REMEDIES: Mapping[str, Remedy] = {
    npm.VERSION_MISSING: pin_existing,
    npm.PACKAGE_UNKNOWN: explain_unknown,
    npm.PEER_CONFLICT: settle_peers,
    npm.LOCK_OUT_OF_SYNC: lock_anew,
    node.ES_MODULE_REQUIRED: pin_requirable,
}
