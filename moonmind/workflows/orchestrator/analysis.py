"""From evidence to a decision: detect, plan, check the policy, and apply on copies in memory. Changes nothing.

The result is either edits with their exact diff and the hashes they rest on, or the reasons why nothing is changed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import tomlkit
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from tomlkit.exceptions import TOMLKitError

from moonmind.schemas.workflow_models import Analysis, Edit, FileChange, Finding, LogSource, ServiceFacts
from moonmind.workflows.orchestrator.detectors import detect
from moonmind.workflows.orchestrator.detectors.lines import read_lines
from moonmind.workflows.orchestrator.edits import EditRefusedError, apply_edits, refuse_unhashed, unified_diff
from moonmind.workflows.orchestrator.edits.text_replace import NotReplaceableError, replacements
from moonmind.workflows.orchestrator.planners import Knowledge, Planner, Planning, Project, Remembered
from moonmind.workflows.orchestrator.planners.dockerfile import base_python
from moonmind.workflows.orchestrator.planners.memory import recall
from moonmind.workflows.orchestrator.planners.rules import RULES
from moonmind.workflows.orchestrator.planning_ports import LockToolError, UnresolvableError
from moonmind.workflows.orchestrator.policies import matches, refuse_path
from moonmind.workflows.orchestrator.ports import PathRefusedError, Workspace

MANIFESTS = (
    *("requirements*.txt", "requirements/*.txt", "*requirements.txt", "constraints*.txt", "requirements*.in"),
    *("pyproject.toml", "uv.lock", "poetry.lock", ".python-version"),
    *("package.json", "package-lock.json", "npm-shrinkwrap.json", ".nvmrc"),
    *("Dockerfile*", "*.Dockerfile", "docker/Dockerfile*", ".dockerignore"),
)
"""What is read of a service, besides what its profile installs from. Included files are among them or not followed."""

UNKNOWN_LINES = 40
"""Lines of evidence of a failure that no detector knows."""

PYTHONS = tuple(f"3.{minor}" for minor in range(8, 20))
_IMPORT = re.compile(
    r"""^[ \t]*(?:from[ \t]+(?P<single>[A-Za-z_]\w*)|import[ \t]+(?P<several>[A-Za-z_][^\n#;]*))""", re.MULTILINE
)
_DIGITS = re.compile(r"\d+")
_PYTHON_VERSION = re.compile(r"^(?:cpython-)?(?P<version>3\.\d+)")


@dataclass(frozen=True, slots=True)
class Earlier:
    """What the run did in its earlier rounds: the edits, the files as they were before all of them, and the failures
    that it planned for (`key_of`)."""

    edits: tuple[Edit, ...] = ()
    before: Mapping[str, bytes | None] = field(default_factory=dict)
    seen: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Subject:
    """What is analyzed: a service's files and what may be done to them, and what is known of what it runs on.

    `install` as in `Project`; `earlier`: what this run has done to the files already.
    """

    workspace: Workspace
    allow: Sequence[str]
    install: str | None = None
    facts: ServiceFacts = field(default_factory=ServiceFacts)
    earlier: Earlier = field(default_factory=Earlier)


def analyze(
    *,
    sources: Sequence[LogSource],
    subject: Subject,
    knowledge: Knowledge,
    instruction: str = "",
    planners: Sequence[Planner] = (RULES,),
    remember: Callable[[Finding], Sequence[Remembered]] = lambda finding: (),
    complaint: str = "",
    now: datetime | None = None,
) -> Analysis:
    """Decide on one round of repair. `sources` from the oldest to the newest; the planners are asked in order until one
    has edits that can be made. `complaint`: what is wrong with the service, for planners that do not go by known
    failures; the others are not asked about a failure that nobody knows.

    The edits of an earlier round are part of the result: a plan is always the whole change. Raises
    IndexUnavailableError when the decision needs an index that does not answer.
    """
    detected = detect(sources)
    findings = [finding for finding in detected if key_of(finding) not in subject.earlier.seen]
    if not findings and not detected and complaint and (planners := [one for one in planners if one is not RULES]):
        findings = [_unknown(sources, complaint)]
    if not findings:
        again = "; ".join(f"{finding.summary}, as before" for finding in detected)
        return Analysis(decision="none", rationale=again or None)
    project = _read_project(subject)
    remembered = [one for finding in findings for one in remember(finding)]
    planning = Planning(project, knowledge, subject.facts, instruction, sources, remembered, now)
    reasons: list[str] = []
    for planner in planners:
        analysis = _decide(findings, planner, planning, subject)
        if analysis.decision == "edit":
            return analysis
        reasons += [analysis.rationale or ""]
        if analysis.rebuild:
            break
    return _explain(findings, "; ".join(reasons), rebuild=analysis.rebuild)


def _unknown(sources: Sequence[LogSource], complaint: str) -> Finding:
    """A failure that no detector knows, with the end of what was said last."""
    lines = [line for source in sources for line in read_lines(source) if line.text.strip()]
    evidence = tuple(line.as_evidence() for line in lines[-UNKNOWN_LINES:])
    return Finding(kind="unknown_failure", summary=complaint, evidence=evidence)


def key_of(finding: Finding) -> str:
    """What makes two findings the same failure, whatever times and numbers the line carries that tells of it.

    A digest, since a log may hold secrets.
    """
    told = _DIGITS.sub("0", finding.evidence[-1].text.strip()) if finding.evidence else finding.summary
    said = "\n".join((finding.kind, finding.subject or "", told))
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:16]


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


def _decide(findings: Sequence[Finding], planner: Planner, planning: Planning, subject: Subject) -> Analysis:
    proposal = planner.propose(findings, planning)
    refused = [reason for edit in proposal.edits if (reason := refuse_path(edit.file, subject.allow))]
    if refused or not proposal.edits:
        return _explain(findings, "; ".join(refused) or proposal.rationale, rebuild=proposal.rebuild)
    try:
        edits = (*proposal.edits, *_lock_edits(proposal.edits, planning, subject.allow))
        said = "\n".join(filter(None, (proposal.rationale, recall(proposal.edits, planning.remembered))))
        return _whole_change(findings, (*subject.earlier.edits, *edits), said, planner, planning, subject)
    except (EditRefusedError, NotReplaceableError, UnresolvableError, LockToolError) as error:
        return _explain(findings, str(error))


def _lock_edits(edits: Sequence[Edit], planning: Planning, allow: Sequence[str]) -> list[Edit]:
    """What the tools that own the lock files make of the changed manifests."""
    files = planning.project.manifests
    after = apply_edits(files, edits)
    facts = planning.facts
    locked = planning.knowledge.locks.refresh(files, after, python=facts.python, node=facts.node)
    if refused := [reason for path in sorted(locked) if (reason := refuse_path(path, allow))]:
        raise EditRefusedError("; ".join(refused))
    why = "locked anew by its own tool, so that it fits the manifest"
    return [
        edit for path in sorted(locked) for edit in replacements(path, after.get(path, files[path]), locked[path], why)
    ]


def _whole_change(
    findings: Sequence[Finding],
    edits: tuple[Edit, ...],
    rationale: str,
    planner: Planner,
    planning: Planning,
    subject: Subject,
) -> Analysis:
    """The edits of all rounds on the files as they were before the first."""
    earlier, now = subject.earlier.before, planning.project.read
    found = {edit.file: earlier[edit.file] if edit.file in earlier else now(edit.file) for edit in edits}
    before = {path: content for path, content in found.items() if content is not None}
    after = apply_edits(before, edits)
    after |= {path: content for path, content in earlier.items() if path not in after and content is not None}
    refuse_unhashed(after)
    return Analysis(
        decision="edit",
        findings=tuple(findings),
        edits=edits,
        changes=tuple(
            FileChange(path=path, before_sha256=_sha256(before.get(path)), after_sha256=_sha256(after[path]))
            for path in sorted(after)
        ),
        diff=unified_diff({path: before[path] for path in after if path in before}, after),
        rationale=rationale,
        generated_by=planner.generated_by,
    )


def _explain(findings: Sequence[Finding], reason: str, *, rebuild: bool = False) -> Analysis:
    """The reason goes into the findings' summaries too: they are all that a reader of the findings sees."""
    explained = tuple(one.model_copy(update={"summary": f"{one.summary}: {reason}"}) for one in findings)
    return Analysis(decision="explain", findings=explained, rationale=reason, rebuild=rebuild)


def _read_project(subject: Subject) -> Project:
    workspace, install = subject.workspace, subject.install
    files = tuple(workspace.glob("**/*"))
    paths = {path for path in files if any(matches(path, pattern) for pattern in MANIFESTS)}
    paths |= {install} if install and install.endswith((".txt", ".toml", ".in")) else set()
    contents = {path: content for path in sorted(paths) if (content := _read(workspace, path)) is not None}
    return Project(contents, files, install, lambda path: _read(workspace, path))


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


def _sha256(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()
