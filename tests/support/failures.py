"""The corpus of real failures: what each case holds, how it is run, and whether the decision was the expert's.

A case is a folder of `tests/data/failures/`, `<area>-<slug>`: `case.json` (CaseFile), `log.txt` (what the real tool
said), `workspace/` (the service's files) and `answers.json` (what the indexes said, see `recorded_answers`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from packaging.utils import canonicalize_name
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from moonmind.schemas.workflow_models import Analysis, Edit, EditKind, LogSource, ServiceFacts
from moonmind.workflows.orchestrator.analysis import Subject, analyze, python_of
from moonmind.workflows.orchestrator.planners import Knowledge
from moonmind.workflows.orchestrator.workspace import LocalWorkspace

CORPUS = Path(__file__).parents[1] / "data" / "failures"
RIGHT, RECALL, WRONG = 0.95, 0.90, 0
"""At least so many decisions right, at least so many of the repairable repaired, and at most so many wrong edits."""


class CaseError(Exception):
    """A case's folder is not as it must be; the message names the case and what to do."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ExpectedEdit(_Strict):
    """An edit that an expert would make. `version` as the edit has it, left out: any. A `text_replace` stands for all
    replacements in its file."""

    kind: EditKind
    file: str
    name: str | None = None
    version: str | None = None


class Expected(_Strict):
    """What a careful expert would do. `kind`: of the finding. `repairable`: by editing these files."""

    decision: Literal["edit", "explain", "none"]
    kind: str | None = None
    edits: tuple[ExpectedEdit, ...] = ()
    repairable: bool
    why: str

    @model_validator(mode="after")
    def _fits(self) -> Expected:
        if (self.decision == "edit") != bool(self.edits):
            raise ValueError("`edits` is not empty exactly when `decision` is edit")
        if self.decision != "none" and not self.kind:
            raise ValueError("`kind` names the finding's kind")
        return self


class CaseFile(_Strict):
    """`case.json`. `install`: what is installed from, as in a service's profile."""

    made_with: str
    how: str
    source: Literal["build", "service"]
    facts: ServiceFacts
    allow: tuple[str, ...]
    install: str | None
    expect: Expected


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it lies in its folder."""

    folder: Path
    told: CaseFile
    log: str

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def area(self) -> str:
        """What stands before the first hyphen."""
        return self.name.partition("-")[0]

    @property
    def workspace(self) -> LocalWorkspace:
        """The service's files; nothing writes to them."""
        return LocalWorkspace(self.folder / "workspace")

    @property
    def answers(self) -> Path:
        """Where the recorded answers lie."""
        return self.folder / "answers.json"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a case was decided. `wrong_edits`: edits that nobody expected, for people to read."""

    case: str
    area: str
    right: bool
    repairable: bool
    wrong_edits: tuple[str, ...]
    got: str


def load_cases(corpus: Path = CORPUS, *, only: str = "") -> list[Case]:
    """Every case whose name has `only` in it, by name. Raises CaseError."""
    folders = sorted(one for one in corpus.iterdir() if one.is_dir()) if corpus.is_dir() else []
    return [load_case(folder) for folder in folders if only in folder.name]


def load_case(folder: Path) -> Case:
    """Raises CaseError for whatever is missing, unknown or of another type."""
    file, log = folder / "case.json", folder / "log.txt"
    missing = [one.name for one in (file, log) if not one.is_file()]
    if not (folder / "workspace").is_dir():
        missing.append("workspace/")
    if missing or "-" not in folder.name:
        raise CaseError(f"{folder.name}: it must be called <area>-<slug>; missing: {', '.join(missing) or 'nothing'}")
    try:
        return Case(folder, CaseFile.model_validate_json(file.read_bytes()), log.read_text("utf-8", "replace"))
    except ValidationError as error:
        raise CaseError(f"{folder.name}/case.json: {error}") from None


def decide(case: Case, knowledge: Knowledge) -> Analysis:
    """What the house decides on this evidence; whatever `knowledge` raises, raises."""
    facts, workspace = case.told.facts, case.workspace
    if facts.python is None:
        facts = facts.model_copy(update={"python": python_of(workspace)})
    subject = Subject(workspace, case.told.allow, case.told.install, facts)
    return analyze(
        sources=[LogSource(name=f"{case.told.source}.log", text=case.log)], subject=subject, knowledge=knowledge
    )


def judge(case: Case, analysis: Analysis) -> Verdict:
    """Compare with the expert's decision: to explain and to find nothing are both to leave the files alone, but an
    explanation must be about the right thing."""
    expect = case.told.expect
    wrong = tuple(_shown(edit) for edit in analysis.edits if not any(_meets(edit, one) for one in expect.edits))
    missed = [one for one in expect.edits if not any(_meets(edit, one) for edit in analysis.edits)]
    right = not wrong and not missed
    if expect.decision == "explain":
        right = right and any(finding.kind == expect.kind for finding in analysis.findings)
    return Verdict(case.name, case.area, right, expect.repairable, wrong, _told(analysis))


def undecided(case: Case, reason: str) -> Verdict:
    """A case that broke off: not right, and nothing edited."""
    return Verdict(case.name, case.area, False, case.told.expect.repairable, (), f"no decision: {reason}")


def summary(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Counts, and shares from 0 to 1 (1 of nothing); `good`: within the thresholds."""
    right = sum(one.right for one in verdicts)
    repairable = [one for one in verdicts if one.repairable]
    repaired = sum(one.right for one in repairable)
    wrong = sum(len(one.wrong_edits) for one in verdicts)
    shares = {"right_share": _share(right, len(verdicts)), "recall": _share(repaired, len(repairable))}
    good = shares["right_share"] >= RIGHT and shares["recall"] >= RECALL and wrong <= WRONG
    counts = {"cases": len(verdicts), "right": right, "repairable": len(repairable), "repaired": repaired}
    return {**counts, **shares, "wrong_edits": wrong, "good": good}


def by_area(verdicts: Iterable[Verdict]) -> Mapping[str, list[Verdict]]:
    """Verdicts by their area, in order of its name."""
    areas: dict[str, list[Verdict]] = defaultdict(list)
    for one in verdicts:
        areas[one.area].append(one)
    return dict(sorted(areas.items()))


def _meets(edit: Edit, expected: ExpectedEdit) -> bool:
    if (edit.kind, edit.file) != (expected.kind, expected.file):
        return False
    if edit.kind == "text_replace":
        return True
    return _name(edit) == _name(expected) and expected.version in (None, edit.version)


def _name(edit: Edit | ExpectedEdit) -> str | None:
    return canonicalize_name(edit.name) if edit.name and edit.kind.startswith("requirement_") else edit.name


def _shown(edit: Edit) -> str:
    return " ".join(part for part in (edit.kind, edit.file, edit.name, edit.version) if part)


def _told(analysis: Analysis) -> str:
    kinds = ", ".join(finding.kind for finding in analysis.findings) or "nothing found"
    edits = "; ".join(_shown(edit) for edit in analysis.edits)
    return f"{analysis.decision} ({kinds}) {edits or analysis.rationale or ''}".strip()


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 1.0
