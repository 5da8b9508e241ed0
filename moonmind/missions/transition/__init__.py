"""May this package move, over which lanes, and with which effects: `decide_move`, a core without I/O.

`questions_of`: what has to be known of git for that."""

from moonmind.missions.transition.decision import ARMS, SKIPPED_REASON, decide_move
from moonmind.missions.transition.questions import questions_of

__all__ = ["ARMS", "SKIPPED_REASON", "decide_move", "questions_of"]
