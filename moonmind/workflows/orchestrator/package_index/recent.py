"""Answers kept for a moment: one analysis asks the same thing several times, the next one shall see what is new."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

KEPT_SECONDS = 120.0
"""Longer than an analysis takes, shorter than somebody waits who uploaded a release and asks again."""

KEPT_ANSWERS = 256

Answer = TypeVar("Answer")


class Recent(Generic[Answer]):
    """Answers by question, at most KEPT_ANSWERS and none older than KEPT_SECONDS. For several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[Hashable, tuple[float, Answer]] = {}

    def get(self, question: Hashable, ask: Callable[[], Answer]) -> Answer:
        """The kept answer, else what `ask` says; an error of `ask` is not kept."""
        with self._lock:
            kept = self._kept.get(question)
        if kept is not None and self._clock() - kept[0] < KEPT_SECONDS:
            return kept[1]
        answer = ask()
        with self._lock:
            self._kept.pop(question, None)
            self._kept[question] = (self._clock(), answer)
            while len(self._kept) > KEPT_ANSWERS:
                del self._kept[next(iter(self._kept))]
        return answer
