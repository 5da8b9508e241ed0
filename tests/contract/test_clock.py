"""What a step's clock must do, the machine's as the one that skips what is waited for."""

from __future__ import annotations

import time

import pytest

from moonmind.workflows.orchestrator.clock import SystemClock
from moonmind.workflows.orchestrator.ports import Clock
from tests.fakes.clock import SkippingClock


@pytest.fixture(params=[SystemClock, SkippingClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


def test_after_a_pause_so_much_time_has_passed(clock: Clock) -> None:
    before = clock.now()
    clock.pause(time.sleep, 0.05)
    assert 0.05 <= clock.now() - before < 30


def test_whoever_waits_can_be_called_away(clock: Clock) -> None:
    def called_away(seconds: float) -> None:
        raise InterruptedError

    before = clock.now()
    with pytest.raises(InterruptedError):
        clock.pause(called_away, 60)
    assert clock.now() - before < 60
