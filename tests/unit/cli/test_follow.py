"""Following a stream: what is read of it, and what becomes of it when the connection comes and goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from moonmind.cli import follow as module
from moonmind.cli.client import Client, NotReachableError, RefusedError
from moonmind.cli.follow import Happened, follow, read_events


def told(number: int, kind: str = "state") -> list[str]:
    return [f"event: {kind}", f'data: {{"n": {number}}}', f"id: {number}.-.0", ""]


class FakeApi(Client):
    """Answers each connection with the next of `answers`; `asked` has the ids after which it was asked."""

    def __init__(self, *answers: list[str] | Exception | None) -> None:
        super().__init__("http://nowhere", "mm_key")
        object.__setattr__(self, "answers", list(answers))
        object.__setattr__(self, "asked", [])

    answers: list[list[str] | Exception | None]
    asked: list[str | None]

    @contextmanager
    def stream(self, path: str, since: str | None) -> Iterator[Iterator[str] | None]:
        self.asked.append(since)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        yield None if answer is None else self._lines(answer)

    def _lines(self, lines: list[str]) -> Iterator[str]:
        for line in lines:
            if line == "CUT":
                raise NotReachableError("cut")
            yield line


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited; the clock stands still but for that."""
    slept: list[float] = []
    monkeypatch.setattr(module.time, "sleep", slept.append)
    monkeypatch.setattr(module.time, "monotonic", lambda: sum(slept))
    return slept


def run(api: FakeApi, since: str | None = None) -> tuple[list[int], int]:
    """Which events came, and how often it said that the connection was lost."""
    losses: list[None] = []
    return [event.data["n"] for event in follow(api, "run", since, lambda: losses.append(None))], len(losses)


def test_events_are_read_with_comments_and_hints_between_them() -> None:
    lines = ["retry: 2000", "", ": ping", "", "event: log", 'data: {"text": "a: b"}', "id: 2.build.7", ""]
    assert list(read_events(lines)) == [None, None, Happened("2.build.7", "log", {"text": "a: b"})]


def test_half_an_event_is_none() -> None:
    assert list(read_events(told(1)[:-1])) == []


def test_it_ends_with_the_end(pauses: list[float]) -> None:
    api = FakeApi([*told(1), *told(2, "end"), *told(3)])
    assert run(api, "0.-.0") == ([1, 2], 0)
    assert (api.asked, pauses) == (["0.-.0"], [])


def test_after_the_end_there_is_nothing(pauses: list[float]) -> None:
    assert run(FakeApi(None), "9.end.0") == ([], 0)


def test_a_lost_connection_is_taken_up_after_the_last_event_and_said_once(pauses: list[float]) -> None:
    away = NotReachableError("away")
    api = FakeApi([*told(1), *told(2)[:2], "CUT"], away, away, [*told(2), *told(3, "end")])
    assert run(api) == ([1, 2, 3], 1)
    assert api.asked == [None, "1.-.0", "1.-.0", "1.-.0"]
    assert pauses == sorted(pauses)
    assert len(set(pauses)) == 3


def test_a_stream_that_ends_on_purpose_is_taken_up_without_a_word(pauses: list[float]) -> None:
    assert run(FakeApi(told(1), told(2, "end"))) == ([1, 2], 0)


def test_an_api_that_never_answered_is_not_waited_for(pauses: list[float]) -> None:
    with pytest.raises(NotReachableError):
        run(FakeApi(NotReachableError("away"), told(1, "end")))
    assert pauses == []


def test_one_that_stays_away_is_given_up_after_a_minute(pauses: list[float]) -> None:
    with pytest.raises(NotReachableError):
        run(FakeApi(told(1), *[NotReachableError("away")] * 100))
    assert 60 <= sum(pauses) < 70


def test_a_refusal_is_not_asked_again(pauses: list[float]) -> None:
    with pytest.raises(RefusedError):
        run(FakeApi(told(1), RefusedError("no valid key"), told(2, "end")))
