"""The workflow core: are a package's file and its way through the lanes in order? No I/O. Only what nobody can have
meant is an error; what somebody may have meant is a warning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from moonmind.missions import graph
from moonmind.missions.board import Board
from moonmind.missions.documents.packages import FrontMatter
from moonmind.missions.documents.reviews import cycle_name
from moonmind.missions.documents.tasks_document import Section
from moonmind.missions.moves import ReviewFile
from moonmind.missions.snapshot import encode_snapshot
from moonmind.missions.way import find_breaks, find_oddities

MARK = "moonmind tasks mark-status ID… --status"
COPY = "correct tasks.md, or remove the key from the file and run moonmind tasks finalize-tasks"


@dataclass(frozen=True, slots=True)
class Validity:
    """Each error and warning is a sentence that says what to do."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def valid(self) -> bool:
        """Warnings do no harm."""
        return not self.errors


def decide_validity(board: Board, wp_id: str, *, review_file: ReviewFile, view: bytes | None) -> Validity:
    """Of one package. `review_file`: its newest review-cycle file. `view`: what is in `status.json`."""
    section = next((one for one in board.sections if one.wp_id == wp_id), None)
    package = board.packages.get(wp_id)
    errors = chain(
        _missing(wp_id, section is not None, package is not None),
        _disagreements(section, package.front) if section and package else (),
        _dependency_errors(board, wp_id),
        find_breaks(board, wp_id),
        _review_errors(wp_id, review_file),
    )
    warnings = chain(
        find_oddities(board, wp_id),
        _verdict_warnings(board, wp_id, review_file),
        _subtask_warnings(board, wp_id, section) if section else (),
        _view_warnings(board, view),
    )
    return Validity(tuple(errors), tuple(warnings))


def _missing(wp_id: str, has_section: bool, has_file: bool) -> Iterator[str]:
    if not has_section:
        yield f"tasks.md has no section {wp_id}: add the heading `### {wp_id}: TITLE`, or remove the file"
    if not has_file:
        yield f"there is no tasks/{wp_id}-NAME.md: add it with work_package_id and title, or remove the section"


def _disagreements(section: Section, front: FrontMatter) -> Iterator[str]:
    """What was never copied into the front matter cannot disagree."""
    subtasks = [subtask.id for subtask in section.subtasks]
    pairs = (("dependencies", front.dependencies, section.dependencies), ("subtasks", front.subtasks, subtasks))
    for key, copied, so in pairs:
        if copied is not None and sorted(copied) != sorted(so):
            yield f"{key} of {section.wp_id} are {_list(copied)} in its file, {_list(so)} in tasks.md: {COPY}"


def _dependency_errors(board: Board, wp_id: str) -> Iterator[str]:
    dependencies = board.dependencies
    for other in dependencies.get(wp_id, ()):
        if other not in dependencies:
            yield f"{wp_id} waits for {other}, which tasks.md does not have: correct `Depends on:`"
    if wp_id in graph.everything_before(dependencies, wp_id):
        yield f"{wp_id} waits for itself, by way of what it depends on: correct `Depends on:` in tasks.md"


def _review_errors(wp_id: str, review_file: ReviewFile) -> Iterator[str]:
    if review_file == "unreadable":
        yield (
            f"the newest review-cycle file of {wp_id} cannot be read: mend its front matter, or take it from the last "
            "commit"
        )


def _verdict_warnings(board: Board, wp_id: str, review_file: ReviewFile) -> Iterator[str]:
    state = board.state_of(wp_id)
    if state.lane in ("approved", "done") and state.is_rejected:
        how = "--approval-ref REF" if state.lane == "approved" else "--force --agent NAME --note WHY"
        yield (
            f"{wp_id} is {state.lane}, and its last review rejected it: move it --to in_review {how} and review it anew"
        )
    if state.review is not None and state.review.cycle is not None and review_file == "none":
        yield f"{cycle_name(state.review.cycle)} of {wp_id} is gone: take it from the last commit that had it"


def _subtask_warnings(board: Board, wp_id: str, section: Section) -> Iterator[str]:
    state, still = board.state_of(wp_id), [one.id for one in board.open_subtasks(wp_id)]
    there = {one.id for one in section.subtasks}
    unknown = [one for one in state.subtasks if one not in there]
    stale = [one.id for one in section.subtasks if one.done == (one.id in still)]
    if state.lane in ("approved", "done") and still:
        yield f"{wp_id} is {state.lane}, and these subtasks are not: {_list(still)}: {MARK} done"
    if unknown:
        yield f"the log tells of subtasks that tasks.md does not have: {_list(unknown)}: add them, or leave it so"
    if stale:
        yield f"tasks.md shows {_list(stale)} otherwise than the log: say what is so, {MARK} done or pending"


def _view_warnings(board: Board, view: bytes | None) -> Iterator[str]:
    """After a merge it is one side's."""
    if view is not None and view != encode_snapshot(board.snapshot):
        yield "status.json is not what the log says: leave it, the next move or mark-status writes it anew"


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
