"""What is so when a package is to be moved: of the board, of git, and of the files that matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from moonmind.missions import reducer, transition
from moonmind.missions.board import Board, Package
from moonmind.missions.documents import reviews
from moonmind.missions.moves import FeedbackFile, MoveFacts, MoveRequest, ReviewFile, Workspace
from moonmind.missions.placement import Branches, decide_policy
from moonmind.missions.ports import FsReader, GitOps, Ports
from moonmind.missions.way import handed_over_commit

MAX_FEEDBACK_BYTES = 1024 * 1024
"""What a reviewer writes; more is some program's output."""

PLANNING = "specs/"
"""Where planning files lie, which are no work of a package."""


def gather_facts(
    board: Board, package: Package, ports: Ports, request: MoveRequest, *, feedback: FeedbackFile, auto_commit: bool
) -> MoveFacts:
    """Reads, and changes nothing. Of git no more than the move asks for."""
    meta, git, wp_id = board.meta, ports.git, package.front.work_package_id
    review_file, cycle = newest_review(ports.reader, board, package)
    return MoveFacts(
        state=board.state_of(wp_id),
        execution_mode=package.front.execution_mode,
        policy=decide_policy("move-task", Branches(git.branch(), meta), auto_commit=auto_commit),
        workspace=_workspace(git, board, package, request),
        feedback=feedback,
        review_file=review_file,
        open_subtasks=[subtask.id for subtask in board.open_subtasks(wp_id)],
        next_cycle=cycle + 1,
        actor_default=git.user_name(),
        tracker_refs=package.front.tracker_refs,
    )


def read_feedback(path: str | None) -> tuple[FeedbackFile, str]:
    """What `--review-feedback-file` is, and its text. Relative to the current folder, as every program takes it."""
    if path is None:
        return "none", ""
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_FEEDBACK_BYTES + 1)
        text = content.decode()
    except (OSError, ValueError):
        return "missing", ""
    return ("readable", text) if text.strip() and len(content) <= MAX_FEEDBACK_BYTES else ("missing", "")


def newest_review(reader: FsReader, board: Board, package: Package) -> tuple[ReviewFile, int]:
    """The newest review-cycle file, and its number; 0 without one."""
    cycle = reviews.latest_cycle(reader.names(board.meta, "review", package.review_folder))
    if cycle == 0:
        return "none", 0
    path = f"{package.review_folder}/{reviews.cycle_name(cycle)}"
    content = reader.read(board.meta, "review", path)
    return ("unreadable" if content is None or reviews.parse_review(content) is None else "readable"), cycle


def _workspace(git: GitOps, board: Board, package: Package, request: MoveRequest) -> Workspace:
    """Of a package that is not in progress yet, the branch is what is checked out."""
    wp_id, front = package.front.work_package_id, package.front
    state, here = board.state_of(wp_id), git.branch()
    branch = state.branch or here
    work = Workspace(branch=branch, head=git.commit_of(branch or "HEAD"))
    asked = transition.questions_of(request, state.lane, front.execution_mode)
    if asked.current and front.owned_files:
        work = replace(work, uncommitted=git.uncommitted(front.owned_files, branch=branch))
    if asked.merged and not asked.current and work.head is None:
        head = _handed_over(git, board, wp_id)
        work = replace(work, head=head, is_as_logged=head is not None)
    if asked.current or asked.merged:
        return _beside_target(git, work, board.meta.target_branch, base=state.base, here=here)
    return work


def _handed_over(git: GitOps, board: Board, wp_id: str) -> str | None:
    """The branch may be gone once its work was merged: then the log says which commit it was, if that is here."""
    commit = handed_over_commit(reducer.moves_of(board.events, wp_id))
    return commit and git.commit_of(commit)


def _beside_target(git: GitOps, work: Workspace, target: str, *, base: str | None, here: str | None) -> Workspace:
    """The branch that is checked out is here even before its first commit. A base that is not known here any more, as
    after a rebase, is where the branch left the target."""
    aim, head = git.commit_of(target), work.head
    absent = {target: aim is None, work.branch: head is None and work.branch != here}
    missing = tuple(name for name, is_absent in absent.items() if name and is_absent)
    if aim is None or head is None:
        return replace(work, missing=missing)
    begun = base if base and git.commit_of(base) else aim
    return replace(
        work,
        behind=_work_between(git, head, aim),
        has_commits_beyond=bool(_work_between(git, begun, head)),
        is_merged=git.is_ancestor(head, aim),
    )


def _work_between(git: GitOps, old: str, new: str) -> Sequence[str]:
    return [path for path in git.changed_between(old, new) if not path.startswith(PLANNING)]
