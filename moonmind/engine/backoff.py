"""How long to wait before trying again."""

from __future__ import annotations


def backoff_seconds(failures: int, *, first: float = 0.2, most: float = 30.0) -> float:
    """Doubles from `first` seconds after the first failure up to `most`."""
    return min(most, first * 2.0 ** min(max(failures, 1) - 1, 32))
