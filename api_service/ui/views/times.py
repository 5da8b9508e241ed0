"""Times for people: how long ago, how long it took, and the exact moment."""

from __future__ import annotations

from datetime import datetime

MINUTE, HOUR, DAY = 60, 3600, 86400


def ago(at: datetime, now: datetime) -> str:
    """`3 min ago`, `in 12 min`; to the largest unit that says something."""
    seconds = (now - at).total_seconds()
    if abs(seconds) < 10:
        return "just now"
    said = _rough(abs(seconds))
    return f"{said} ago" if seconds > 0 else f"in {said}"


def lasted(start: datetime | None, end: datetime | None) -> str:
    """`0.4 s`, `2 min 05 s`, `1 h 03 min`; empty before the start."""
    if start is None or end is None:
        return ""
    return span_of((end - start).total_seconds())


def span_of(seconds: float) -> str:
    """A length of time, two units at most."""
    seconds = max(0.0, seconds)
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min {int(seconds % MINUTE):02d} s"
    if seconds < DAY:
        return f"{int(seconds // HOUR)} h {int(seconds % HOUR // MINUTE):02d} min"
    return f"{int(seconds // DAY)} d {int(seconds % DAY // HOUR)} h"


def moment(at: datetime) -> str:
    """The exact time, to the second; every time here is UTC."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def _rough(seconds: float) -> str:
    if seconds < MINUTE:
        return f"{int(seconds)} s"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min"
    if seconds < DAY:
        return f"{int(seconds // HOUR)} h"
    return f"{int(seconds // DAY)} d"
