"""A model as an author of drafts: asks, reads strictly, and says what was wrong, a few times and within a time."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from moonmind.schemas.workflow_models import Finding
from moonmind.workflows.orchestrator.llm_planner.answers import AnswerError, read_answer
from moonmind.workflows.orchestrator.llm_planner.clients import Model
from moonmind.workflows.orchestrator.llm_planner.prompt import SYSTEM, Turn, first_turn, refused_turn
from moonmind.workflows.orchestrator.planners import Planning
from moonmind.workflows.orchestrator.planners.proposals import Draft, PlannerFailedError

ATTEMPTS = 3
"""The first answer and two corrections: a model that did not understand by then will not."""


def _random_mark() -> str:
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class LlmAuthor:
    """`proposals.Author`. `seconds` are for all attempts together; `masked` takes secrets out of what is sent."""

    model: Model
    allow: Sequence[str]
    masked: Callable[[str], str]
    seconds: float
    clock: Callable[[], float] = time.monotonic
    mark: Callable[[], str] = _random_mark
    name: str = "llm"

    def drafts(self, findings: Sequence[Finding], planning: Planning) -> Generator[Draft, str, None]:
        """One draft an answer; an answer that is none is corrected without one. Raises PlannerFailedError."""
        turns = [first_turn(findings, planning, self.allow, mark=self.mark(), masked=self.masked)]
        deadline = self.clock() + self.seconds
        was_draft, reason = False, ""
        for _ in range(ATTEMPTS):
            said = ""
            try:
                said = self._ask(turns, deadline - self.clock())
                was_draft, draft = True, read_answer(said)
                reason = yield draft
            except AnswerError as error:
                was_draft, reason = False, str(error)
            turns += [Turn(said or "(no call)", by_model=True), refused_turn(self.masked(reason))]
        if not was_draft:
            raise PlannerFailedError(f"no usable answer in {ATTEMPTS} attempts: {reason}")

    def _ask(self, turns: Sequence[Turn], seconds: float) -> str:
        if seconds <= 0:
            raise PlannerFailedError(f"no usable answer within {self.seconds:g} s")
        return self.model.ask(SYSTEM, turns, seconds)
