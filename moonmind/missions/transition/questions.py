"""What a move asks of git: only that is looked for, so that nothing else can stand in its way."""

from __future__ import annotations

from moonmind.missions.events import ExecutionMode
from moonmind.missions.lanes import Lane
from moonmind.missions.moves import MoveRequest, Questions
from moonmind.missions.transition.move_case import HANDED_OVER, steps_between


def questions_of(request: MoveRequest, lane: Lane, mode: ExecutionMode) -> Questions:
    """Of a package in that lane. A planning artifact is exempt; force passes what would be answered, and of what is
    done only the commit is still recorded."""
    code = mode == "code_change"
    steps = steps_between(lane, request.to, force=request.force)
    hands_over = any(step in HANDED_OVER for step in steps)
    return Questions(
        current=code and hands_over and not request.force,
        merged=code and request.to == "done" and bool(steps),
    )
