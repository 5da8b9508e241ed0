"""Limits over time, without an API behind them."""

from __future__ import annotations

import pytest
from limits import parse
from limits.strategies import MovingWindowRateLimiter

from api_service.api import rates
from api_service.api.rates import KnownCallers, Windows


class Clock:
    """A monotonic clock that stands still."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(rates, "time", made)
    return made


def test_a_window_moves_and_never_holds_more_than_the_limit(clock: Clock) -> None:
    counting, three = MovingWindowRateLimiter(Windows(10)), parse("3/minute")
    answers = []
    for second in (0, 20, 40, 59, 60, 61, 79, 80):
        clock.now = 1000 + second
        answers.append(counting.hit(three, "kim"))
    assert answers == [True, True, True, False, True, False, False, True]
    stats = counting.get_window_stats(three, "kim")
    assert (stats.reset_time, stats.remaining) == (1040 + 60, 0)


def test_callers_are_counted_apart_and_the_least_recent_is_forgotten_first(clock: Clock) -> None:
    windows = Windows(2)
    counting, one = MovingWindowRateLimiter(windows), parse("1/hour")
    assert [counting.hit(one, name) for name in ("kim", "ann", "kim", "ben")] == [True, True, False, True]
    assert not counting.hit(one, "kim"), "Ann, who asked less lately, made room for Ben"
    for number in range(1000):
        counting.hit(one, str(number))
    assert len(windows._windows) == 2


def test_known_callers_are_bounded_and_forgotten_when_they_fail() -> None:
    known = KnownCallers(2)
    for name in ("kim", "ann", "ben"):
        known.note(name, is_good=True)
    assert [name in known for name in ("kim", "ann", "ben")] == [False, True, True]
    known.note("ann", is_good=False)
    assert "ann" not in known
