"""Proof that an added package is the right one: never its name alone, and never what a log or an instruction says.

A Python distribution is proven when a module that is missing, or that the service's own files import, names it (in the
kept data, or as the module's own name) and the index shows the module among its files. What the rules would add for the
same findings is proven by the rules. For an npm package the module is the package. Whatever the rules would not look up
(the service's own, Python's and Node's, slips of the keyboard) or would doubt is not proven.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from moonmind.schemas.workflow_models import Edit, Finding
from moonmind.workflows.orchestrator.detectors import node_modules, python_modules
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning, Project
from moonmind.workflows.orchestrator.planners.distributions import Asking, candidates, doubt
from moonmind.workflows.orchestrator.planners.foreign import Added, Ecosystem
from moonmind.workflows.orchestrator.planners.import_names import KnownName, known_names
from moonmind.workflows.orchestrator.planners.manifests import Listed, choose_manifest, listed_in
from moonmind.workflows.orchestrator.planners.never_fetched import refuse_own_and_standard, refuse_slip_of_listed
from moonmind.workflows.orchestrator.planners.next_imports import importing_file
from moonmind.workflows.orchestrator.planners.node_images import node_of
from moonmind.workflows.orchestrator.planners.node_manifest import PACKAGE_JSON, NodeManifest, parse_manifest
from moonmind.workflows.orchestrator.planners.node_packages import doubt_about as doubt_about_npm
from moonmind.workflows.orchestrator.planners.node_packages import refuse_builtin, refuse_own, refuse_slip
from moonmind.workflows.orchestrator.planners.own_modules import BY_CUSTOM, own_modules
from moonmind.workflows.orchestrator.planners.rules import REMEDIES, RULES
from moonmind.workflows.orchestrator.planners.standing import doubt_about, fewest_releases
from moonmind.workflows.orchestrator.planners.statements import Wanted, wanted
from moonmind.workflows.orchestrator.ports import Release

MOST_SOURCES = 200
MOST_SOURCE_BYTES = 256 * 1024
"""Of one file; larger ones are generated."""

_NODE_IMPORT = re.compile(
    r"""(?:require\(|import\(|\bfrom|\bimport)[ \t]{0,8}['"](?P<name>[@a-z0-9][^'"\n]{0,200})['"]"""
)
_NODE_SOURCES = (".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx")
_RULES_KINDS: dict[str, Ecosystem] = {"requirement_add": "python", "npm_add": "npm", "os_package_add": "system"}


@dataclass(frozen=True, slots=True)
class _Load:
    """What Node is asked for by a file; `importer` "" when it is not known which."""

    name: str
    importer: str


def prove(added: Added, findings: Sequence[Finding], planning: Planning) -> str | None:
    """The sentence that says what proves it, None when nothing does. Raises IndexUnavailableError."""
    if proof := _of_the_rules(added, findings, planning):
        return proof
    match added.ecosystem:
        case "python":
            return _of_the_index(added, findings, planning)
        case "npm":
            return _of_the_registry(added, findings, planning)
        case "system":
            return None


def _of_the_rules(added: Added, findings: Sequence[Finding], planning: Planning) -> str | None:
    """What the rules add for the same findings, with the instruction left out: it may be anybody's words."""
    silent = Planning(planning.project, planning.knowledge, planning.facts, "", planning.sources)
    known = [one for one in findings if one.kind in REMEDIES]
    edits = RULES.propose(known, silent).edits
    return next((edit.proof or edit.reason for edit in edits if _adds(edit, added)), None)


def _adds(edit: Edit, added: Added) -> bool:
    names = {canonicalize_name(name) for name in (edit.name or "").split()}
    return _RULES_KINDS.get(edit.kind) == added.ecosystem and canonicalize_name(added.name) in names


def _of_the_index(added: Added, findings: Sequence[Finding], planning: Planning) -> str | None:
    fitting = [one for one in _modules(findings, planning.project, added.file) if added.name in _named(one)]
    if not fitting:
        return None
    index, python = planning.knowledge.index, planning.facts.python
    release = index.at(added.name, added.version, python=python) if added.version else None
    release = release or (None if added.version else index.newest(added.name, python=python))
    if release is None:
        return None
    found = next((one for one in fitting if _provides(release, one) and not _is_doubtful(release, one, planning)), None)
    return f"{release.name} {release.version} provides `{found.module}` (seen in the index)" if found else None


def _modules(findings: Sequence[Finding], project: Project, file: str) -> Iterator[Wanted]:
    """What is missing, then what the service's files import; without what the rules never look up."""
    own = own_modules(project.python_files, project.manifests.get("pyproject.toml"))
    listed = _listed(project, file)
    for one, importer in (*_missing(findings, project), *_imported(project)):
        with suppress(NoSafeEditError):
            refuse_own_and_standard(one, own, project, importer)
            refuse_slip_of_listed(one.missing, listed)
            if one.missing.partition(".")[0] not in BY_CUSTOM:
                yield one


def _listed(project: Project, file: str) -> list[Listed]:
    """What the changed manifest lists, and what the service installs from, where that can be told."""
    files = {file} if file.endswith((".txt", ".in", ".toml")) else set()
    with suppress(NoSafeEditError):
        files.add(choose_manifest(project).root)
    found: list[Listed] = []
    for one in files & project.manifests.keys():
        with suppress(NoSafeEditError):
            found += listed_in(project, one)
    return found


def _missing(findings: Sequence[Finding], project: Project) -> Iterator[tuple[Wanted, str | None]]:
    for one in findings:
        if one.kind == python_modules.MODULE_MISSING:
            yield wanted(one), importing_file(python_modules.frames_of(one), project)


def _named(module: Wanted) -> list[str]:
    """The distributions that it stands for: those that were seen or reviewed, else all that the rules ask for."""
    known = next((one for path in module.paths if (one := known_names().get(path, KnownName())).sure), None)
    names = [known.choice or "", *known.also] if known else candidates(module)
    return [canonicalize_name(name) for name in names]


def _provides(release: Release, module: Wanted) -> bool:
    return any(path in release.modules for path in module.paths)


def _is_doubtful(release: Release, module: Wanted, planning: Planning) -> bool:
    """As the rules doubt what no list of the index's own names speaks for."""
    path, known = next(((one, known_names()[one]) for one in module.paths if one in known_names()), ("", KnownName()))
    asking = Asking(planning.knowledge.index, planning.facts.python, planning.now)
    if not known.sure:
        return doubt(release, module, asking, known) is not None
    if not known.is_one_collections:
        return False
    offers = asking.index.offers(release.name, python=asking.python)
    fewest = fewest_releases(release.name, path, known)
    return doubt_about(release, offers, now=asking.now, fewest=fewest) is not None


def _imported(project: Project) -> Iterator[tuple[Wanted, str]]:
    for path, source in _sources(project, (".py",)):
        yield from ((one, path) for one in _imports(source))


def _imports(source: bytes) -> Iterator[Wanted]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (Wanted(name.name, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (Wanted(node.module, node.module, name.name) for name in node.names)


def _sources(project: Project, endings: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Paths with their bytes."""
    for path in [path for path in project.files if path.endswith(endings)][:MOST_SOURCES]:
        if (found := project.read(path)) is not None and len(found) <= MOST_SOURCE_BYTES:
            yield path, found


def _of_the_registry(added: Added, findings: Sequence[Finding], planning: Planning) -> str | None:
    """A package is what loads need that are all the package's own, as far as the rules can tell."""
    loads = [*_missing_loads(findings), *_loads_of_sources(planning.project)]
    own = [one for one in loads if (node_modules.package_of(one.name) or "") == added.name]
    if not own:
        return None
    try:
        for one in own:
            refuse_builtin(one.name)
            refuse_own(one.name, added.name, one.importer, planning.project)
        refuse_slip(added.name, _manifest(added, planning.project))
    except NoSafeEditError:
        return None
    release = planning.knowledge.npm.newest(added.name, node=node_of(planning))
    if release is None or release.deprecated or doubt_about_npm(release) is not None:
        return None
    return f"{release.name} {release.version} is what `{added.name}` is loaded from (seen in the registry)"


def _missing_loads(findings: Iterable[Finding]) -> Iterator[_Load]:
    """The package that a missing module belongs to is among the findings' subjects, by whatever name of the kind. What
    an installed package asks for beside it the rules prove, or nobody does."""
    for one in findings:
        importer = one.details.get("importer", "")
        is_beside = one.kind == node_modules.PACKAGE_MISSING and node_modules.installed_package(importer) is not None
        if one.kind.startswith("node_") and one.subject and not is_beside:
            yield _Load(one.subject, importer)


def _loads_of_sources(project: Project) -> Iterator[_Load]:
    for path, source in _sources(project, _NODE_SOURCES):
        for found in _NODE_IMPORT.finditer(source.decode("utf-8", "replace")):
            yield _Load(found["name"], path)


def _manifest(added: Added, project: Project) -> NodeManifest:
    """The package.json that is changed; a Dockerfile installs beside the service's. Raises NoSafeEditError."""
    file = added.file if added.file.endswith(PACKAGE_JSON) else PACKAGE_JSON
    return parse_manifest(file, project.read(file) or b"{}")
