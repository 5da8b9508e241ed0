"""A move that somebody asks for, and what follows from the facts: who, which way, and what kind of move it is."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any, cast

from moonmind.missions.errors import Refusal
from moonmind.missions.events import Category
from moonmind.missions.lanes import EDGES, FORWARD, Lane, is_back, is_forward
from moonmind.missions.moves import MoveFacts, MoveRequest, RefusalCode

Step = tuple[Lane, Lane]

REVIEWED: frozenset[Lane] = frozenset({"for_review", "in_review", "approved"})
"""What leaves these lanes for an earlier one has been judged: only with feedback does the next one know what to do."""

WORKING: frozenset[Lane] = frozenset({"planned", "claimed", "in_progress"})
"""Handed-over work that goes back to one of these was rejected, whichever it is: there it is worked on."""

HANDED_OVER: frozenset[Step] = frozenset({("in_progress", "for_review"), ("in_progress", "approved")})
APPROVING: frozenset[Step] = frozenset({("in_review", "approved"), ("in_review", "done"), ("in_progress", "approved")})
ENDING: frozenset[Step] = frozenset({("in_review", "for_review"), ("in_review", "blocked"), ("in_review", "canceled")})
"""A review ends without a verdict."""

_CATEGORY = re.compile(r"\[(pre_existing_failure|wrong_context|cross_scope|infra_environmental|custom)\]\s*\S")


@dataclass(frozen=True, slots=True)
class MoveCase:
    """What is asked and what is so, together."""

    request: MoveRequest
    facts: MoveFacts

    @property
    def lane(self) -> Lane:
        """Where the package is."""
        return self.facts.state.lane

    @property
    def actor(self) -> str | None:
        """Who acts; None when nobody is known."""
        return self.request.agent or self.facts.actor_default

    @property
    def reviewer(self) -> str | None:
        """Whose word a verdict of this move is."""
        return self.request.reviewer or self.actor

    @property
    def holder(self) -> str | None:
        """Who holds the package when it is reviewed: a move that begins with the claim makes it the actor's."""
        return self.actor if ("planned", "claimed") in self.steps else self.facts.state.holder

    @property
    def is_anothers(self) -> bool:
        """True when somebody else than who acts holds it."""
        holder = self.facts.state.holder
        return holder is not None and self.actor is not None and self.actor != holder

    @property
    def has_feedback(self) -> bool:
        """True when there is a text to be kept as a review-cycle file; the move is a rejection then, or refused."""
        return self.facts.feedback == "readable"

    @property
    def is_rejection(self) -> bool:
        """True when work that was handed over goes back, or any goes back to be planned with feedback."""
        to = self.request.to
        if self.lane in REVIEWED:
            return to in WORKING
        return to == "planned" != self.lane and self.has_feedback

    @property
    def is_rewind(self) -> bool:
        """True for a move back that the table does not have. `done` and `canceled` lead nowhere, not even back."""
        return _is_rewind(self.lane, self.request.to)

    @property
    def arbiter(self) -> Category | None:
        """The category that the note begins with."""
        found = _CATEGORY.match(self.request.note or "")
        return cast(Category, found[1]) if found else None

    @property
    def is_arbiter_override(self) -> bool:
        """True when a package that a reviewer rejected is forced forward from `planned`."""
        forward = self.lane == "planned" and self.request.to in FORWARD[1:]
        return self.request.force and forward and self.facts.state.is_rejected

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every hop of the way; none when there is no way."""
        return steps_between(self.lane, self.request.to, force=self.request.force)


def steps_between(lane: Lane, to: Lane, *, force: bool) -> tuple[Step, ...]:
    """The hops of a move. Force makes one where there is none."""
    if (lane, to) in EDGES:
        return ((lane, to),)
    if is_forward(lane, to):
        way = FORWARD[FORWARD.index(lane) : FORWARD.index(to) + 1]
        return tuple(pairwise(way))
    return ((lane, to),) if force or _is_rewind(lane, to) else ()


def _is_rewind(lane: Lane, to: Lane) -> bool:
    if (lane, to) in EDGES or lane == "done":
        return False
    return is_back(lane, to) or (lane == "blocked" and to == "planned")


def make_case(request: MoveRequest, facts: MoveFacts) -> MoveCase:
    """The case, without the texts that are nothing but blanks."""
    texts = {one.name: getattr(request, one.name) for one in fields(request)}
    blank: dict[str, Any] = {name: None for name, text in texts.items() if isinstance(text, str) and not text.strip()}
    return MoveCase(replace(request, **blank), facts)


def take_over(case: MoveCase) -> str:
    """The commands that make whoever acts the holder: who claims it holds it. One that is claimed has to be planned
    before it can be claimed again."""
    call, who = f"moonmind tasks move-task {case.request.wp_id} --to", f"--agent {shlex.quote(case.actor or 'NAME')}"
    if case.lane == "claimed":
        return f"{call} planned --force {who} --note WHY, then {call} claimed {who}"
    return f"{call} claimed --force {who} --note WHY"


def refuse(code: RefusalCode, message: str, **details: object) -> Refusal:
    """A refusal of the core: its codes are counted."""
    return Refusal(code, message, details)
