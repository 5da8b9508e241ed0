"""Whether a set was repaired, and a tool's figures over all sets. Pure.

A set is repaired when only right distributions were added and every import that has a right one imports with what was
added. Of a set in which nothing is right, that is: when nothing was added.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from packaging.utils import canonicalize_name

from .sets import ImportSet


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tool did for one set: the distributions that it added by itself (what those bring along is not among
    them), and the imports that work with them. `note`: why it ended so, for people."""

    added: tuple[str, ...] = ()
    imported: frozenset[str] = frozenset()
    seconds: float = 0.0
    rounds: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """An outcome, judged. `missing`: imports that have a right distribution and do not work."""

    set_id: str
    repaired: bool
    wrong: tuple[str, ...]
    missing: tuple[str, ...]
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def told(self) -> str:
        """One line for people."""
        parts = [
            f"wrong: {', '.join(self.wrong)}" if self.wrong else "",
            f"does not import: {', '.join(self.missing)}" if self.missing else "",
            self.outcome.note,
        ]
        return "; ".join(part for part in parts if part) or "-"


def judge(one: ImportSet, outcome: Outcome) -> Score:
    """Names are compared normalised; each wrong one counts once."""
    added = dict.fromkeys(canonicalize_name(name) for name in outcome.added)
    wrong = tuple(name for name in added if name not in one.all_right)
    missing = tuple(name for name in one.importable if name not in outcome.imported)
    return Score(one.id, not wrong and not missing, wrong, missing, outcome)


def totals(scores: Sequence[Score]) -> dict[str, Any]:
    """`rounds`: the sum of the plans that were made; `seconds`: the sum of what the tool took, checking left out."""
    return {
        "sets": len(scores),
        "repaired": sum(score.repaired for score in scores),
        "wrong_packages": sum(len(score.wrong) for score in scores),
        "rounds": sum(score.outcome.rounds for score in scores),
        "seconds": round(sum(score.outcome.seconds for score in scores), 1),
    }


def table(figures: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Rows for people, a tool each."""
    columns = ("sets", "repaired", "wrong_packages", "rounds", "seconds")
    return [["tool", *columns], *([tool, *(str(one[name]) for name in columns)] for tool, one in figures.items())]


def failures(scores: Iterable[Score]) -> list[str]:
    """A line for each set that was not repaired."""
    return [f"{score.set_id}: {score.told}" for score in scores if not score.repaired]
