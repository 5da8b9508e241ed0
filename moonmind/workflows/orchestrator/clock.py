"""The machine's time."""

from __future__ import annotations

import time
from collections.abc import Callable


class SystemClock:
    """`ports.Clock` by the machine: a pause lasts as long as it says."""

    def now(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    def pause(self, wait: Callable[[float], None], seconds: float) -> None:
        """Let so much time pass by `wait`, which may raise before it is over."""
        wait(seconds)
