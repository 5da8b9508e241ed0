"""What earlier repairs say: shown beside a plan, and a preference among candidates that are proven anyway. Pure.

Memory is never a proof: what it prefers has passed every check without it, and passes every gate after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from packaging.utils import canonicalize_name

from moonmind.schemas.workflow_models import Edit
from moonmind.workflows.orchestrator.planners import Remembered

Candidate = TypeVar("Candidate")


def prefer(
    candidates: Sequence[Candidate], remembered: Sequence[Remembered], name_of: Callable[[Candidate], str]
) -> Candidate | None:
    """The one candidate that repaired the same failure before, more often than it failed and than every other.

    None when no candidate did, or two as often: then a person chooses.
    """
    balance = {canonicalize_name(name_of(one)): 0 for one in candidates}
    for one in remembered:
        for name in {canonicalize_name(edit.name) for edit in one.edits if edit.name}:
            if name in balance:
                balance[name] += one.repaired - (one.tried - one.repaired)
    best = max(balance.values(), default=0)
    found = [one for one in candidates if balance[canonicalize_name(name_of(one))] == best]
    return found[0] if best > 0 and len(found) == 1 else None


def recall(edits: Sequence[Edit], remembered: Sequence[Remembered]) -> str | None:
    """The sentence about a plan's named edits, None when nothing of it was done before about the same failure.

    `repaired this 4 of 4 times before (last: run …)`
    """
    wanted = {(edit.kind, canonicalize_name(edit.name)) for edit in edits if edit.name}
    same = [one for one in remembered if wanted & _named(one)]
    tried = sum(one.tried for one in same)
    if not tried:
        return None
    last = next((f" (last: run {one.last_run})" for one in same if one.last_run), "")
    return f"repaired this {sum(one.repaired for one in same)} of {tried} times before{last}"


def _named(remembered: Remembered) -> set[tuple[str, str]]:
    return {(edit.kind, canonicalize_name(edit.name)) for edit in remembered.edits if edit.name}
