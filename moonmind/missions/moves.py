"""What the transition core is asked, what it knows, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from moonmind.missions.events import Evidence, ExecutionMode, ReviewResult
from moonmind.missions.lanes import Lane
from moonmind.missions.placement import Policy
from moonmind.missions.snapshot import PackageState


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveRequest:
    """`moonmind tasks move-task`, as it was called. `auto_commit`, `review_feedback_file` and where things are written
    are in the facts. A text of nothing but blanks counts as not given."""

    wp_id: str
    to: Lane
    agent: str | None = None
    assignee: str | None = None
    shell_pid: str | None = None
    note: str | None = None
    approval_ref: str | None = None
    reviewer: str | None = None
    self_review_fallback: bool = False
    intended_reviewer: str | None = None
    reviewer_failure_reason: str | None = None
    done_override_reason: str | None = None
    force: bool = False
    tracker_refs: Sequence[str] = ()
    skip_review_artifact_check: bool = False


FeedbackFile = Literal["none", "readable", "missing"]
"""Of `--review-feedback-file`: not given; there; not there, no file, empty, too large or no text."""

ReviewFile = Literal["none", "readable", "unreadable"]
"""The newest review-cycle file of the package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Where the work of a `code_change` lies.

    `branch`: the one that the package went in progress on, else what is checked out; None when HEAD is detached.
    `head`: its commit. `uncommitted`: owned files with changes that are not committed. `behind`: files, other than
    planning ones, that the target branch has changed since and it has not. `has_commits_beyond`: it changed something
    beyond its base, other than planning files. `is_merged`: its head is contained in the target branch. `missing`:
    the target branch or the work's, where the move asks about it and it is not here; then the rest cannot be told.
    `is_as_logged`: the branch is gone, and `head` is what was handed over. All but the first two are only looked for
    where `Questions` ask.
    """

    branch: str | None
    head: str | None
    uncommitted: Sequence[str] = ()
    behind: Sequence[str] = ()
    has_commits_beyond: bool = True
    is_merged: bool = False
    missing: Sequence[str] = ()
    is_as_logged: bool = False


@dataclass(frozen=True, slots=True)
class Questions:
    """What a move asks of git. `current`: is the work committed, and up to date; `merged`: is it in the target."""

    current: bool
    merged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveFacts:
    """What is so. `actor_default`: who acts when `--agent` is not given (git's `user.name`); None when nobody is known.
    `next_cycle`: the number of the next review-cycle file. `tracker_refs`: those that the package's file has."""

    state: PackageState
    execution_mode: ExecutionMode
    policy: Policy
    workspace: Workspace
    feedback: FeedbackFile
    review_file: ReviewFile
    open_subtasks: Sequence[str] = ()
    next_cycle: int = 1
    actor_default: str | None = None
    tracker_refs: Sequence[str] = ()


MoveName = Literal[
    "unchanged",
    "claim",
    "start",
    "handover",
    "review_taken",
    "approval",
    "completion",
    "return",
    "set_aside",
    "review_ended",
    "resumption",
    "several_hops",
    "rewind",
    "rejection",
    "self_review",
    "verdict_skipped",
    "done_unmerged",
    "arbiter_override",
    "forced",
]
"""The arms of the core that let a package go. The more particular name wins: a rejection by force is a rejection."""

RefusalCode = Literal[
    "SelfReviewFlags",
    "ForceUnexplained",
    "FeedbackNotUsed",
    "OptionsNotUsed",
    "SelfReview",
    "MetadataWouldBeLost",
    "ProtectedBranch",
    "HeldByAnother",
    "UnreadableVerdict",
    "ArbiterCategoryRequired",
    "RejectedVerdict",
    "FeedbackFileMissing",
    "FeedbackRequired",
    "SubtasksOpen",
    "BranchMissing",
    "UncommittedChanges",
    "BranchBehind",
    "NothingCommitted",
    "NotMerged",
    "NoSuchMove",
    "ActorRequired",
    "WorkspaceRequired",
    "CommitRequired",
    "ReviewerRequired",
    "ApprovalRefRequired",
    "ReviewReferenceRequired",
    "ReasonRequired",
]
"""The arms that do not, in the order in which they are tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One event to be: a package goes from one lane to the next."""

    from_lane: Lane
    to_lane: Lane
    actor: str
    force: bool = False
    reason: str | None = None
    evidence: Evidence | None = None
    review_ref: str | None = None
    review_result: ReviewResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The move may be made.

    `name`: the arm of the core that decided. `hops`: none when the package is in that lane already. `fields`: keys of
    the front matter to set; `skipped`: those that are not set, because the file is left alone, and `skipped_reason`.
    `writes_feedback`: the feedback becomes the next review-cycle file.
    """

    name: MoveName
    hops: tuple[Hop, ...]
    fields: Mapping[str, object] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    skipped_reason: str | None = None
    writes_feedback: bool = False
