"""What the work itself stands against: who holds it, where it would be written, what is not finished."""

from __future__ import annotations

from collections.abc import Sequence

from moonmind.missions.errors import Refusal
from moonmind.missions.transition.move_case import APPROVING, HANDED_OVER, REVIEWED, MoveCase, refuse, take_over

_SHOWN = 5
"""Names in a message; the JSON document has them all."""

_OVERRIDE = ", or say with --done-override-reason why it is done all the same"


def lost_options(case: MoveCase) -> Refusal | None:
    """Where the file is left alone they would be kept nowhere."""
    asked = case.request
    given = {"--assignee": asked.assignee, "--shell-pid": asked.shell_pid, "--tracker-ref": asked.tracker_refs}
    lost = [option for option, value in given.items() if value]
    if case.facts.policy == "skip" and lost:
        return refuse(
            "MetadataWouldBeLost",
            f"only the package's file keeps {', '.join(lost)}, and on this branch it is left alone: leave out what "
            "would be lost, or check out a branch that is not protected",
            options=lost,
        )
    return None


def protected_branch(case: MoveCase) -> Refusal | None:
    """The policy of `placement` says so."""
    if case.facts.policy == "refuse":
        return refuse(
            "ProtectedBranch",
            "nothing is committed to a protected branch or a detached HEAD: check out another branch, or add "
            "--no-auto-commit and commit the files yourself",
        )
    return None


def another_holder(case: MoveCase) -> Refusal | None:
    """Reviewers judge what others hold, and do not become its holder by that; whoever has no name yet is refused for
    that, later."""
    judges = case.lane in REVIEWED and case.request.to != "claimed"
    if case.is_anothers and not (judges or ("in_progress", "approved") in case.steps):
        holder = case.facts.state.holder
        reject = "reject it --to in_progress with --review-feedback-file, " if case.lane in REVIEWED else ""
        return refuse(
            "HeldByAnother",
            f"{holder} holds {case.request.wp_id} and you are {case.actor}: ask them, {reject}or take it over: "
            f"{take_over(case)}",
            holder=holder,
        )
    return None


def taken_by_another(case: MoveCase) -> Refusal | None:
    """Of a move to where the package is: two that both hear `claimed` would do the work twice."""
    return another_holder(case) if case.lane in ("claimed", "in_progress") else None


def open_subtasks(case: MoveCase) -> Refusal | None:
    """Neither handed over nor approved nor done while one is open."""
    still = case.facts.open_subtasks
    finished = HANDED_OVER | APPROVING | {("approved", "done")}
    if still and any(step in finished for step in case.steps):
        return refuse(
            "SubtasksOpen",
            f"of {case.request.wp_id} these are not done: {_shown(still)}. Do them and say so: "
            "moonmind tasks mark-status ID… --status done",
            subtasks=list(still),
        )
    return None


def review_currency(case: MoveCase) -> Refusal | None:
    """What is reviewed is what was committed, on top of what the others did."""
    work, wp_id = case.facts.workspace, case.request.wp_id
    if case.facts.execution_mode == "planning_artifact" or not any(step in HANDED_OVER for step in case.steps):
        return None
    if work.missing:
        return _branch_missing(case, "")
    if work.uncommitted:
        message = (
            f"these files of {wp_id} have changes that are not committed: {_shown(work.uncommitted)}. git commit them"
        )
        return refuse("UncommittedChanges", message, files=list(work.uncommitted))
    if work.behind:
        message = f"{_branch(case)} lacks what the target branch has changed: {_shown(work.behind)}. git merge that"
        return refuse("BranchBehind", message, files=list(work.behind))
    if not work.has_commits_beyond:
        message = f"{_branch(case)} has changed nothing but planning files since {wp_id} was begun: git commit the work"
        return refuse("NothingCommitted", message)
    return None


def not_merged(case: MoveCase) -> Refusal | None:
    """A planning artifact is exempt: it lies where it is read."""
    work, wp_id = case.facts.workspace, case.request.wp_id
    settled = work.is_merged or case.request.done_override_reason
    if case.request.to != "done" or not case.steps or case.facts.execution_mode == "planning_artifact" or settled:
        return None
    if work.missing:
        return _branch_missing(case, _OVERRIDE)
    if work.is_as_logged:
        branch = _branch(case)
        message = (
            f"{work.head}, which was handed over of {wp_id}, is not in the target branch, and there is no branch "
            f"{branch} here: git fetch origin {branch}:{branch} and merge it{_OVERRIDE}"
        )
        return refuse("NotMerged", message)
    message = f"the work of {wp_id} is not in the target branch: merge {_branch(case)} first{_OVERRIDE}"
    return refuse("NotMerged", message)


def _branch_missing(case: MoveCase, otherwise: str) -> Refusal:
    """Nothing is skipped because it cannot be told."""
    missing = case.facts.workspace.missing
    fetch = " ".join(f"{name}:{name}" for name in missing)
    message = f"there is no branch {' and no branch '.join(missing)} here: git fetch origin {fetch}{otherwise}"
    return refuse("BranchMissing", message, branches=list(missing))


def _branch(case: MoveCase) -> str:
    return case.facts.workspace.branch or "HEAD"


def _shown(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
