"""Time that passes at once when somebody waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable


class SkippingClock:
    """The machine's clock, ahead by all that was waited for; whoever waits looks up, and does not wait."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return time.monotonic() + self.ahead

    def pause(self, wait: Callable[[float], None], seconds: float) -> None:
        wait(0.0)
        self.ahead += seconds
