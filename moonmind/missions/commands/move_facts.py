"""What is so when a package is to be moved: of the board, of git, and of the files that matter."""

from __future__ import annotations

from collections.abc import Sequence

from moonmind.missions.board import Board, Package
from moonmind.missions.documents import reviews
from moonmind.missions.moves import FeedbackFile, MoveFacts, ReviewFile, Workspace
from moonmind.missions.placement import Branches, decide_policy
from moonmind.missions.ports import FsReader, GitOps, Ports
from moonmind.missions.snapshot import PackageState

MAX_FEEDBACK_BYTES = 1024 * 1024
"""What a reviewer writes; more is some program's output."""

PLANNING = "specs/"
"""Where planning files lie, which are no work of a package."""


def gather_facts(
    board: Board, package: Package, ports: Ports, *, feedback: FeedbackFile, auto_commit: bool
) -> MoveFacts:
    """Reads, and changes nothing."""
    meta, git, wp_id = board.meta, ports.git, package.front.work_package_id
    review_file, cycle = newest_review(ports.reader, board, package)
    return MoveFacts(
        state=board.state_of(wp_id),
        execution_mode=package.front.execution_mode,
        policy=decide_policy("move-task", Branches(git.branch(), meta), auto_commit=auto_commit),
        workspace=_workspace(git, board.state_of(wp_id), package.front.owned_files, meta.target_branch),
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


def _workspace(git: GitOps, state: PackageState, owned: Sequence[str], target: str) -> Workspace:
    """Of a package that is not in progress yet, the base is where its branch left the target."""
    branch = state.branch or git.branch()
    head = git.commit_of(branch or "HEAD")
    uncommitted = git.uncommitted(owned) if owned else ()
    aim = git.commit_of(target)
    if head is None:
        return Workspace(branch=branch, head=None, uncommitted=uncommitted)
    base = state.base or aim
    return Workspace(
        branch=branch,
        head=head,
        uncommitted=uncommitted,
        behind=_work_between(git, head, aim) if aim else (),
        has_commits_beyond=base is None or bool(_work_between(git, base, head)),
        is_merged=aim is not None and git.is_ancestor(head, aim),
    )


def _work_between(git: GitOps, old: str, new: str) -> Sequence[str]:
    return [path for path in git.changed_between(old, new) if not path.startswith(PLANNING)]
