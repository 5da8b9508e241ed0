"""What move-task answers, to programs and to people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moonmind.missions.commands.move_effects import Case, Effects
from moonmind.missions.commands.writing import path_in_repository
from moonmind.missions.lanes import Lane
from moonmind.missions.moves import Move

_NEXT: Mapping[Lane, str] = {
    "planned": "whoever takes it: moonmind tasks move-task {wp} --to claimed",
    "claimed": "check out the branch for the work, then: moonmind tasks move-task {wp} --to in_progress",
    "in_progress": "with the work committed and its subtasks done: moonmind tasks move-task {wp} --to for_review",
    "for_review": "whoever reviews it: moonmind tasks move-task {wp} --to in_review",
    "in_review": "moonmind tasks move-task {wp} --to approved, or --to planned --review-feedback-file FILE",
    "approved": "merge its branch into {target}, then: moonmind tasks move-task {wp} --to done",
    "done": "what waited for it: moonmind tasks list-dependents {wp}",
    "blocked": "when it can go on: moonmind tasks move-task {wp} --to in_progress",
    "canceled": "nothing; it leads nowhere from here",
}
"""What comes after a lane, for people."""


def move_document(case: Case, move: Move, effects: Effects) -> dict[str, Any]:
    """The envelope of the design. `event_id`: the last hop's; null when nothing moved."""
    meta, wp_id, lane = case.board.meta, case.request.wp_id, _new_lane(case, move)
    document: dict[str, Any] = {
        "result": "moved" if move.hops else "unchanged",
        "task_id": wp_id,
        "old_lane": case.facts.state.lane,
        "new_lane": lane,
        "path": path_in_repository(meta, case.package.path),
        "event_id": effects.events[-1].event_id if effects.events else None,
        "work_package_id": wp_id,
        "to_lane": lane,
        "status_events_path": path_in_repository(meta, "status.events.jsonl"),
    }
    for path in effects.review:
        document["review_feedback"] = path_in_repository(meta, path)
    if move.skipped_reason:
        document["wp_file_update"] = "skipped"
        document["wp_file_update_reason"] = move.skipped_reason
        document["frontmatter_fields_skipped"] = list(move.skipped)
    return document


def move_words(case: Case, move: Move, effects: Effects) -> str:
    """What happened, what was left out, and what comes next."""
    wp_id, lane = case.request.wp_id, _new_lane(case, move)
    meta = case.board.meta
    lines = [effects.subject if move.hops else f"{wp_id} is {lane} already; nothing was changed"]
    lines += [f"the feedback is in {path_in_repository(meta, path)}" for path in effects.review]
    if move.skipped_reason:
        lines.append(move.skipped_reason)
    return "\n".join([*lines, "next: " + _NEXT[lane].format(wp=wp_id, target=meta.target_branch)])


def _new_lane(case: Case, move: Move) -> Lane:
    return move.hops[-1].to_lane if move.hops else case.facts.state.lane
