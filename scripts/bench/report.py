"""Figures of both sides as a table for people and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

SIDES = ("base", "new")


@dataclass(slots=True)
class Measure:
    """Seconds by side, one a round. With a `limit`, the ratio of the medians must not be above it."""

    title: str
    limit: float | None = None
    seconds: dict[str, list[float]] = field(default_factory=lambda: {side: [] for side in SIDES})

    @property
    def ratio(self) -> float:
        """Above 1, the new one is slower."""
        return median(self.seconds["new"]) / median(self.seconds["base"])

    @property
    def by_round(self) -> float:
        """The median of the rounds' own ratios, which a load that comes and goes moves less; for comparison."""
        pairs = zip(self.seconds["new"], self.seconds["base"], strict=True)
        return median(new / base for new, base in pairs)

    @property
    def spread(self) -> float:
        """How many times the least the most is, on the side where that is smaller."""
        return min(max(values) / min(values) for values in self.seconds.values())

    @property
    def is_good(self) -> bool:
        """Whether the limit is kept, if there is one."""
        return self.limit is None or self.ratio <= self.limit

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        sides = {side: _summary(values) | {"seconds": values} for side, values in self.seconds.items()}
        return {
            "title": self.title,
            **sides,
            "ratio": self.ratio,
            "by_round": self.by_round,
            "limit": self.limit,
            "good": self.is_good,
        }


def table(measures: Iterable[Measure]) -> str:
    """Median, least and most of both sides, in seconds, the ratio of the medians, and that by round."""
    columns = [f"{side} {what}" for side in SIDES for what in ("median", "min", "max")]
    lines = [["seconds", *columns, "ratio", "by round", "limit"]]
    for one in measures:
        figures = [f"{value:.3f}" for side in SIDES for value in _summary(one.seconds[side]).values()]
        limit = "" if one.limit is None else f"{one.limit:.2f} {'kept' if one.is_good else 'NOT KEPT'}"
        lines.append([one.title, *figures, f"{one.ratio:.3f}", f"{one.by_round:.3f}", limit])
    return "\n".join(aligned(lines))


def _summary(values: Sequence[float]) -> dict[str, float]:
    return {"median": median(values), "min": min(values), "max": max(values)}


def aligned(lines: list[list[str]]) -> list[str]:
    """Columns under each other: words to the left, figures to the right."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return [
        "  ".join(
            text.ljust(width) if column in (0, len(line) - 1) else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
