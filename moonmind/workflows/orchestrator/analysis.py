"""From evidence to a decision: detect, plan, check the policy, and apply on copies in memory. Changes nothing.

The result is either edits with their exact diff and the hashes they rest on, or the reasons why nothing is changed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

import tomlkit
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from tomlkit.exceptions import TOMLKitError

from moonmind.schemas.workflow_models import Analysis, FileChange, Finding, LogSource
from moonmind.workflows.orchestrator.detectors import detect
from moonmind.workflows.orchestrator.edits import EditRefusedError, apply_edits, unified_diff
from moonmind.workflows.orchestrator.planners import Project, Proposal
from moonmind.workflows.orchestrator.planners.dockerfile import base_python
from moonmind.workflows.orchestrator.planners.rules import propose
from moonmind.workflows.orchestrator.policies import refuse_path
from moonmind.workflows.orchestrator.ports import PackageIndex, PathRefusedError, Workspace

MANIFESTS = (
    *("requirements*.txt", "requirements/*.txt", "*requirements.txt", "constraints*.txt", "pyproject.toml"),
    *("Dockerfile*", "*.Dockerfile", "docker/Dockerfile*"),
)
"""What is read of a service, besides what its profile installs from. Included files are among them or not followed."""

PYTHONS = tuple(f"3.{minor}" for minor in range(8, 20))
_IMPORT = re.compile(
    r"""^[ \t]*(?:from[ \t]+(?P<single>[A-Za-z_]\w*)|import[ \t]+(?P<several>[A-Za-z_][^\n#;]*))""", re.MULTILINE
)
_PYTHON_VERSION = re.compile(r"^(?:cpython-)?(?P<version>3\.\d+)")


def analyze(
    *,
    sources: Sequence[LogSource],
    workspace: Workspace,
    index: PackageIndex,
    allow: Sequence[str],
    install: str | None = None,
    python: str | None = None,
    instruction: str = "",
) -> Analysis:
    """Decide on one round of repair. `sources` from the oldest to the newest; `install` and `python` as in `Project`
    (for a service in an image, `python_of` finds it out).

    Raises IndexUnavailableError when the decision needs an index that does not answer.
    """
    findings = detect(sources)
    if not findings:
        return Analysis(decision="none")
    project = _read_project(workspace, install, python)
    proposal = propose(findings, project, index, instruction)
    return _decide(findings, proposal, project.manifests, allow)


def python_of(workspace: Workspace) -> str | None:
    """The Python that the service runs on, as its files say: the image, `.python-version`, else the lowest that
    `requires-python` admits; None when they do not say."""
    if version := base_python(_text(workspace, "Dockerfile")):
        return version
    if found := _PYTHON_VERSION.match(_text(workspace, ".python-version").strip()):
        return found["version"]
    return _lowest_python(_text(workspace, "pyproject.toml"))


def imported_modules(workspace: Workspace) -> frozenset[str]:
    """Top-level names that the service's own files import, as their text says; unreadable files are left out."""
    texts = (_text(workspace, path) for path in workspace.glob("**/*.py"))
    return frozenset(name for text in texts for found in _IMPORT.finditer(text) for name in _names(found))


def _names(found: re.Match[str]) -> list[str]:
    if found["single"]:
        return [found["single"]]
    return [name.strip().partition(".")[0].partition(" ")[0] for name in found["several"].split(",")]


def _decide(
    findings: Sequence[Finding], proposal: Proposal, files: Mapping[str, bytes], allow: Sequence[str]
) -> Analysis:
    refused = [reason for edit in proposal.edits if (reason := refuse_path(edit.file, allow))]
    if refused or not proposal.edits:
        return _explain(findings, "; ".join(refused) or proposal.rationale)
    try:
        after = apply_edits(files, proposal.edits)
    except EditRefusedError as error:
        return _explain(findings, str(error))
    before = {path: files[path] for path in after}
    return Analysis(
        decision="edit",
        findings=tuple(findings),
        edits=proposal.edits,
        changes=tuple(
            FileChange(path=path, before_sha256=_sha256(before[path]), after_sha256=_sha256(after[path]))
            for path in sorted(after)
        ),
        diff=unified_diff(before, after),
        rationale=proposal.rationale,
    )


def _explain(findings: Sequence[Finding], reason: str) -> Analysis:
    """The reason goes into the findings' summaries too: they are all that a reader of the findings sees."""
    explained = tuple(one.model_copy(update={"summary": f"{one.summary}: {reason}"}) for one in findings)
    return Analysis(decision="explain", findings=explained, rationale=reason)


def _read_project(workspace: Workspace, install: str | None, python: str | None) -> Project:
    paths = {path for pattern in MANIFESTS for path in workspace.glob(pattern)}
    paths |= {install} if install and install.endswith((".txt", ".toml", ".in")) else set()
    contents = {path: content for path in sorted(paths) if (content := _read(workspace, path)) is not None}
    return Project(contents, tuple(workspace.glob("**/*.py")), install, python)


def _read(workspace: Workspace, path: str) -> bytes | None:
    try:
        return workspace.read(path)
    except PathRefusedError:
        return None  # a symlink or a huge file is not a manifest that could be edited


def _text(workspace: Workspace, path: str) -> str:
    return (_read(workspace, path) or b"").decode("utf-8", "replace")


def _lowest_python(pyproject: str) -> str | None:
    try:
        project = tomlkit.parse(pyproject).get("project", {})
        wanted = SpecifierSet(str(project.get("requires-python", "")))
    except (TOMLKitError, InvalidSpecifier, AttributeError):
        return None
    return next((one for one in PYTHONS if wanted.contains(f"{one}.99")), None) if wanted else None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
