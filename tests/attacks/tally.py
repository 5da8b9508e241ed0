"""What was tried: attacks are tests, cases the requests and examples within them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass
class Tally:
    """Counts the cases of each attack, by the test's name."""

    cases: Counter[str] = field(default_factory=Counter)
    attack: str = ""

    def case(self, attempt: Callable[[], T]) -> T:
        """One attempt more."""
        self.add()
        return attempt()

    def add(self, number: int = 1) -> None:
        self.cases[self.attack] += number
