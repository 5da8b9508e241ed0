"""Waiting for health when the time runs out while the engine is being asked."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from moonmind.schemas.workflow_models import ServiceState
from moonmind.workflows.orchestrator.ports import EngineUnavailableError
from moonmind.workflows.orchestrator.steps.context import StepContext
from moonmind.workflows.orchestrator.steps.verify import wait_until_healthy


def a_step(seconds: list[float], answers: list[ServiceState | EngineUnavailableError]) -> StepContext:
    """A step that has those seconds left, whenever it looks, and an engine that gives those answers."""

    def observe(execute: object) -> ServiceState:
        answer = answers.pop(0)
        if isinstance(answer, EngineUnavailableError):
            raise answer
        return answer

    left = SimpleNamespace(
        seconds_left=lambda: seconds.pop(0),
        runtime=SimpleNamespace(observe=observe),
        execute=None,
        complaints=lambda state: ["503, expected 200"],
        profile=SimpleNamespace(verify_successes=1),
        say=lambda line: None,
        pause=lambda wait: None,
    )
    return cast(StepContext, cast(Any, left))


NO_ANSWER = EngineUnavailableError("no answer in time")
UP = ServiceState(status="running")


def test_a_question_that_the_deadline_cut_short_says_nothing_of_the_engine() -> None:
    assert wait_until_healthy(a_step([1, 0.5, 0.1, -0.1], [UP, NO_ANSWER])) == "503, expected 200"


def test_an_engine_that_is_away_while_there_is_time_is_said() -> None:
    with pytest.raises(EngineUnavailableError):
        wait_until_healthy(a_step([1, 0.5, 0.4, 0.3], [UP, NO_ANSWER]))
