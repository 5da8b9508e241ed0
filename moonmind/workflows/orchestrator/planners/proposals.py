"""The gate for what a model or an agent proposes. It is applied in memory, looked at whole, and taken or refused whole.

Whatever a log, an instruction or the proposal itself says, nothing here gets wider: the profile's allow-list, the
limits, the files that steer builds, and the rule that an added package is proven by the index.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from moonmind.schemas.workflow_models import Edit, Finding, GeneratedBy
from moonmind.workflows.orchestrator.edits import EditRefusedError, apply_edits
from moonmind.workflows.orchestrator.planners import Planning, Project, Proposal
from moonmind.workflows.orchestrator.planners.foreign import Added, RefusedChangeError
from moonmind.workflows.orchestrator.planners.foreign.dockerfile import added_to_dockerfile
from moonmind.workflows.orchestrator.planners.foreign.kinds import Kinds, kinds_of
from moonmind.workflows.orchestrator.planners.foreign.origins import refuse_confused
from moonmind.workflows.orchestrator.planners.foreign.package_json import NPM_NAME, added_to_package_json, is_range
from moonmind.workflows.orchestrator.planners.foreign.proofs import prove
from moonmind.workflows.orchestrator.planners.foreign.pyproject import added_to_pyproject
from moonmind.workflows.orchestrator.planners.foreign.requirements import added_requirements
from moonmind.workflows.orchestrator.planners.foreign.steering import refuse_backend, refuse_steering
from moonmind.workflows.orchestrator.planners.foreign.texts import check_downloads, check_python, check_text
from moonmind.workflows.orchestrator.policies import refuse_path

MOST_EDITS = 20
MOST_FILES = 10
MOST_CHARACTERS = 64 * 1024
"""Of all names and texts of a proposal together: what a person would still read before approving it."""

MOST_RATIONALE = 2000

_PYTHON_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?(?:\[[\w, -]{1,100}\])?")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@~^+-]{0,200}")


class PlannerFailedError(Exception):
    """A planner that could not propose anything (an endpoint that refuses, an agent that crashed): why, for people."""


@dataclass(frozen=True, slots=True)
class Draft:
    """Edits that somebody else proposes, not looked at yet, and what was said about them."""

    edits: tuple[Edit, ...]
    rationale: str = ""


class Author(Protocol):
    """Who drafts: a model behind an endpoint, an agent's program."""

    @property
    def name(self) -> str:
        """How it is called in profiles and rationales."""
        ...

    def drafts(self, findings: Sequence[Finding], planning: Planning) -> Generator[Draft, str, None]:
        """Drafts; each one after the first is sent why the one before was refused. Ends when it has no further one.

        Raises PlannerFailedError.
        """
        ...


@dataclass(frozen=True, slots=True)
class AbsentAuthor:
    """An author that cannot be asked on this machine, and why: a run goes on to its other planners."""

    name: str
    reason: str

    def drafts(self, findings: Sequence[Finding], planning: Planning) -> Generator[Draft, str, None]:
        """None. Raises PlannerFailedError."""
        yield from ()
        raise PlannerFailedError(self.reason)


@dataclass(frozen=True, slots=True)
class GatedPlanner:
    """`planners.Planner` of an author, whose drafts go through the gate. A planner that fails proposes nothing.

    `masked`: takes secrets out of what the author says, before it is cut.
    """

    author: Author
    allow: Sequence[str]
    masked: Callable[[str], str] = str
    generated_by: GeneratedBy = "llm"

    def propose(self, findings: Sequence[Finding], planning: Planning) -> Proposal:
        """The first draft that passes. Raises IndexUnavailableError, since a proof needs the index."""
        refused = "it proposed nothing"
        drafts = self.author.drafts(findings, planning)
        try:
            draft = next(drafts)
            while True:
                if not draft.edits:
                    return Proposal((), self._said(draft.rationale or refused))
                try:
                    edits = judge(draft.edits, findings, planning, self.allow)
                    return Proposal(edits, self._said(draft.rationale or "no reason was given"))
                except RefusedChangeError as error:
                    refused = f"refused: {error}"
                    draft = drafts.send(str(error))
        except StopIteration:
            return Proposal((), self._said(refused))
        except PlannerFailedError as error:
            return Proposal((), self._said(str(error)))
        finally:
            drafts.close()

    def _said(self, text: str) -> str:
        plain = "".join(char if char.isprintable() else " " for char in self.masked(text))
        return f"{self.author.name}: {plain[:MOST_RATIONALE]}"


def judge(
    edits: Sequence[Edit], findings: Sequence[Finding], planning: Planning, allow: Sequence[str]
) -> tuple[Edit, ...]:
    """The edits, with the proofs of what they add. Raises RefusedChangeError (none is taken), IndexUnavailableError."""
    _check_limits(edits)
    for edit in edits:
        _check_edit(edit, allow)
    _check_backends(edits, planning.project)
    before = {edit.file: content for edit in edits if (content := planning.project.read(edit.file)) is not None}
    try:
        after = apply_edits(before, edits)
    except EditRefusedError as error:
        raise RefusedChangeError(str(error)) from None
    if not after:
        raise RefusedChangeError("the edits change nothing")
    kinds = kinds_of(planning.project)
    added = [one for path in sorted(after) for one in _compare(path, before.get(path), after[path], kinds)]
    _check_origins(added, {**planning.project.manifests, **before})
    proofs = {one.name: _prove(one, findings, planning) for one in added}
    return tuple(_with_proof(edit, proofs) for edit in edits)


def _check_limits(edits: Sequence[Edit]) -> None:
    files, size = {edit.file for edit in edits}, sum(_size(edit) for edit in edits)
    if len(edits) > MOST_EDITS or len(files) > MOST_FILES:
        raise RefusedChangeError(f"{len(edits)} edits in {len(files)} files: at most {MOST_EDITS} in {MOST_FILES}")
    if size > MOST_CHARACTERS:
        raise RefusedChangeError(f"the edits are {size} characters long, over {MOST_CHARACTERS}")


def _size(edit: Edit) -> int:
    return sum(len(text or "") for text in (edit.file, edit.name, edit.version, edit.old, edit.new, edit.reason))


def _check_edit(edit: Edit, allow: Sequence[str]) -> None:
    if reason := refuse_path(edit.file, allow) or refuse_steering(edit.file):
        raise RefusedChangeError(reason)
    if any("\ud800" <= char <= "\udfff" for char in (edit.old or "") + (edit.new or "")):
        raise RefusedChangeError(f"{edit.file}: a text holds half of a character, which no file can hold")
    if edit.kind == "text_replace":
        if edit.name or edit.version:
            raise RefusedChangeError(f"{edit.file}: a text_replace has `old` and `new` alone")
        return
    name, version = edit.name or "", edit.version or ""
    if edit.old is not None or edit.new is not None:
        raise RefusedChangeError(f"{edit.file}: a {edit.kind} has `name` and `version` alone")
    if not _is_named(edit.kind, name, version):
        raise RefusedChangeError(f"{edit.file}: {name!r:.100} {version!r:.100} is no name and version of a package")


def _check_backends(edits: Sequence[Edit], project: Project) -> None:
    named = [path for path in project.files if path.rpartition("/")[2] == "pyproject.toml"]
    pyprojects = {path: project.read(path) or b"" for path in named}
    for edit in edits:
        if reason := refuse_backend(edit.file, pyprojects):
            raise RefusedChangeError(reason)


def _check_origins(added: Sequence[Added], manifests: Mapping[str, bytes]) -> None:
    for one in added:
        if reason := refuse_confused(one, manifests):
            raise RefusedChangeError(reason)


def _is_named(kind: str, name: str, version: str) -> bool:
    if kind.startswith("requirement_"):
        return bool(_PYTHON_NAME.fullmatch(name)) and _is_specifier(version)
    if kind.startswith("npm_"):
        return bool(NPM_NAME.fullmatch(name)) and (not version or is_range(version))
    return all(not one or _PLAIN.fullmatch(one) for one in (name, version))


def _is_specifier(version: str) -> bool:
    if version != version.strip() or not version.isprintable():
        return False
    try:
        SpecifierSet(version)
    except InvalidSpecifier:
        return False
    return True


Comparison = Callable[[str, bytes | None, bytes], list[Added]]
_BY_NAME: Mapping[str, Comparison] = {"pyproject.toml": added_to_pyproject, "package.json": added_to_package_json}


def _compare(path: str, before: bytes | None, after: bytes, kinds: Kinds) -> list[Added]:
    """The packages that came to one file; a file that lists none must still be sound."""
    check_text(path, before, after)
    name = path.rpartition("/")[2]
    if name in _BY_NAME:
        return _BY_NAME[name](path, before, after)
    if kinds.is_dockerfile(path, before, after):
        return added_to_dockerfile(path, before, after)
    if kinds.is_installed(path):
        return added_requirements(path, before, after)
    check_downloads(path, before, after)
    if name.endswith((".py", ".pyw")):
        check_python(path, before, after)
    return []


def _prove(added: Added, findings: Sequence[Finding], planning: Planning) -> str:
    if proof := prove(added, findings, planning):
        return proof
    raise RefusedChangeError(
        f"{added.file}: {added.name} would be added, and nothing proves that it is what is missing: no missing or "
        "imported module is known to be its own and seen in it"
    )


def _with_proof(edit: Edit, proofs: Mapping[str, str]) -> Edit:
    name = (edit.name or "").partition("[")[0]
    proof = proofs.get(name) or proofs.get(canonicalize_name(name))
    return edit.model_copy(update={"proof": proof})
