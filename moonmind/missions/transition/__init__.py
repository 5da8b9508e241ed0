"""May this package move, over which lanes, and with which effects: `decide_move`, a core without I/O."""

from moonmind.missions.transition.decision import ARMS, SKIPPED_REASON, decide_move

__all__ = ["ARMS", "SKIPPED_REASON", "decide_move"]
