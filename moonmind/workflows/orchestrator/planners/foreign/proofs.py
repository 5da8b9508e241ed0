"""Proof that an added package is the right one: never its name alone, and never what a log or an instruction says.

A Python distribution is proven when a module that is missing, or that the service's own files import, names it (in the
kept data, or as the module's own name) and the index shows the module among its files. What the rules would add for the
same findings is proven by the rules. For an npm package the module is the package; the registry must have more than a
few releases of it.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence

from packaging.utils import canonicalize_name

from moonmind.schemas.workflow_models import Edit, Finding
from moonmind.workflows.orchestrator.detectors import python_modules
from moonmind.workflows.orchestrator.planners import Planning, Project
from moonmind.workflows.orchestrator.planners.distributions import candidates
from moonmind.workflows.orchestrator.planners.foreign import Added, Ecosystem
from moonmind.workflows.orchestrator.planners.import_names import KnownName, known_names, meant_by
from moonmind.workflows.orchestrator.planners.own_modules import BY_CUSTOM, own_modules
from moonmind.workflows.orchestrator.planners.rules import REMEDIES, RULES
from moonmind.workflows.orchestrator.planners.standard_library import explain_standard
from moonmind.workflows.orchestrator.planners.standing import (
    FEWEST_RELEASES,
    doubt_about,
    fewest_releases,
    is_long_lived,
)
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
    fitting = [one for one in _modules(findings, planning.project) if added.name in _named(one)]
    if not fitting:
        return None
    index, python = planning.knowledge.index, planning.facts.python
    release = index.at(added.name, added.version, python=python) if added.version else None
    release = release or (None if added.version else index.newest(added.name, python=python))
    if release is None:
        return None
    found = next((one for one in fitting if _provides(release, one) and not _is_doubtful(release, one, planning)), None)
    return f"{release.name} {release.version} provides `{found.module}` (seen in the index)" if found else None


def _modules(findings: Sequence[Finding], project: Project) -> Iterator[Wanted]:
    """What is missing, then what the service's files import; without its own modules and Python's."""
    own = own_modules(project.python_files, project.manifests.get("pyproject.toml"))
    missing = [wanted(one) for one in findings if one.kind == python_modules.MODULE_MISSING]
    for one in (*missing, *_imported(project)):
        top = one.missing.partition(".")[0]
        if own.where(one.missing, known_elsewhere=False) is None and not explain_standard(top) and top not in BY_CUSTOM:
            yield one


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
    if known.sure and not known.is_one_collections:
        return False
    offers = planning.knowledge.index.offers(release.name, python=planning.facts.python)
    if meant_by(module.missing) and not is_long_lived(offers, now=planning.now):
        return True
    fewest = fewest_releases(release.name, path, known)
    return doubt_about(release, offers, now=planning.now, fewest=fewest) is not None


def _imported(project: Project) -> Iterator[Wanted]:
    for source in _sources(project, (".py",)):
        yield from _imports(source)


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


def _sources(project: Project, endings: tuple[str, ...]) -> Iterator[bytes]:
    paths = [path for path in project.files if path.endswith(endings)][:MOST_SOURCES]
    return (found for path in paths if (found := project.read(path)) is not None and len(found) <= MOST_SOURCE_BYTES)


def _of_the_registry(added: Added, findings: Sequence[Finding], planning: Planning) -> str | None:
    """The package that a missing module belongs to is among the findings' subjects, by whatever name of the kind."""
    if added.name not in {*_node_packages(one.subject or "" for one in findings if one.kind.startswith("node_"))}:
        sources = (source.decode("utf-8", "replace") for source in _sources(planning.project, _NODE_SOURCES))
        if added.name not in {
            *_node_packages(found["name"] for text in sources for found in _NODE_IMPORT.finditer(text))
        }:
            return None
    release = planning.knowledge.npm.newest(added.name, node=planning.facts.node)
    if release is None or len(release.versions) < FEWEST_RELEASES or release.deprecated:
        return None
    return f"{release.name} {release.version} is what `{added.name}` is loaded from (seen in the registry)"


def _node_packages(specifiers: Iterable[str]) -> Iterator[str]:
    """`@scope/name/inner` → `@scope/name`."""
    for one in specifiers:
        parts = one.split("/")
        yield "/".join(parts[:2]) if one.startswith("@") else parts[0]
