"""What memory changes in an analysis: which of several proven candidates is taken, and what the rationale says."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest

from moonmind.schemas.workflow_models import Analysis, Edit, Finding, GeneratedBy, LogSource
from moonmind.workflows.orchestrator.analysis import Subject, analyze
from moonmind.workflows.orchestrator.planners import Planner, Planning, Proposal, Remembered
from moonmind.workflows.orchestrator.planners.rules import RULES
from tests.fakes.index import FakePackageIndex, release
from tests.fakes.knowledge import knowledge
from tests.fakes.workspace import FakeWorkspace

RUN = UUID(int=7)
LOG = 'Traceback (most recent call last):\n  File "app.py", line 1, in <module>\n    import agora\n'
SEVERAL = FakePackageIndex(
    release("agora-client", modules=("agora",)),
    release("agora-planner", modules=("agora",)),
    release("agora-service-provider", modules=("other",)),
)


def before(name: str, repaired: int = 2, tried: int = 2) -> Remembered:
    return Remembered((Edit(kind="requirement_add", file="", name=name, reason="r"),), repaired, tried, RUN)


def analyzed(remembered: Sequence[Remembered], planners: Sequence[Planner] = (RULES,)) -> Analysis:
    log = LogSource(name="service", text=LOG + "ModuleNotFoundError: No module named 'agora'\n")
    return analyze(
        sources=[log],
        subject=Subject(FakeWorkspace({"requirements.txt": b"flask\n"}), ("*.txt",)),
        knowledge=knowledge(SEVERAL),
        planners=planners,
        remember=lambda finding: remembered,
    )


def test_of_several_that_provide_it_the_one_that_repaired_it_is_taken_and_said() -> None:
    result = analyzed([before("agora-planner")])
    assert [edit.name for edit in result.edits] == ["agora-planner"]
    assert "of several, the one that repaired this before" in (result.edits[0].proof or "")
    assert (result.rationale or "").endswith(f"repaired this 2 of 2 times before (last: run {RUN})")


@pytest.mark.parametrize(
    "remembered",
    [
        [],
        [before("agora-planner", 1, 2)],
        [before("agora-planner"), before("agora-client")],
        [before("agora-service-provider")],
        [before("evil")],
    ],
)
def test_memory_proves_nothing(remembered: list[Remembered]) -> None:
    result = analyzed(remembered)
    assert result.edits == ()
    assert "several distributions provide `agora`: agora-client 1.2.3, agora-planner 1.2.3" in (result.rationale or "")


class Silent:
    """A planner that has nothing."""

    generated_by: GeneratedBy = "llm"

    def propose(self, findings: Sequence[Finding], planning: Planning) -> Proposal:
        return Proposal((), "llm: the endpoint answered 429")


def test_every_planner_says_why_it_proposes_nothing() -> None:
    result = analyzed([], (RULES, Silent()))
    assert result.decision == "explain"
    assert "several distributions provide `agora`" in (result.rationale or "")
    assert (result.rationale or "").endswith("; llm: the endpoint answered 429")
