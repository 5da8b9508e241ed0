"""Every answer of the transition core is named, and every name is an answer to something."""

from __future__ import annotations

from typing import Any

import pytest

from moonmind.missions.lanes import Lane
from moonmind.missions.transition import ARMS
from tests.support.moves import BY_FORCE, BY_ONESELF, REJECTED, WITH_FEEDBACK, arm, refusal

Case = tuple[Lane, Lane, dict[str, Any]]

CASES: dict[str, Case] = {
    "unchanged": ("claimed", "claimed", {}),
    "claim": ("planned", "claimed", {}),
    "start": ("claimed", "in_progress", {"work": {"is_merged": False}}),
    "handover": ("in_progress", "for_review", {}),
    "review_taken": ("for_review", "in_review", {}),
    "approval": ("in_review", "approved", {"reviewer": "rob"}),
    "completion": ("approved", "done", {}),
    "return": ("in_progress", "planned", {"note": "too early"}),
    "set_aside": ("claimed", "blocked", {}),
    "review_ended": ("in_review", "canceled", {}),
    "resumption": ("blocked", "in_progress", {}),
    "several_hops": ("planned", "in_progress", {}),
    "rewind": ("in_progress", "claimed", {}),
    "rejection": ("in_review", "planned", {"facts": WITH_FEEDBACK}),
    "self_review": ("in_review", "approved", BY_ONESELF),
    "verdict_skipped": (
        "in_progress",
        "done",
        {"state": REJECTED, "reviewer": "rob", "skip_review_artifact_check": True, "note": "mended since"},
    ),
    "done_unmerged": ("approved", "done", {"work": {"is_merged": False}, "done_override_reason": "merged by mail"}),
    "arbiter_override": (
        "planned",
        "approved",
        {"state": REJECTED, "force": True, "agent": "lea", "note": "[custom] it is fine"},
    ),
    "forced": ("done", "in_progress", BY_FORCE),
    "SelfReviewFlags": ("in_review", "approved", {"self_review_fallback": True}),
    "ForceUnexplained": ("planned", "claimed", {"force": True}),
    "FeedbackNotUsed": ("planned", "claimed", {"facts": WITH_FEEDBACK}),
    "OptionsNotUsed": ("claimed", "claimed", {"assignee": "bob"}),
    "SelfReview": ("in_review", "approved", {}),
    "MetadataWouldBeLost": ("planned", "claimed", {"assignee": "ann", "facts": {"policy": "skip"}}),
    "ProtectedBranch": ("planned", "claimed", {"facts": {"policy": "refuse"}}),
    "HeldByAnother": ("claimed", "in_progress", {"agent": "bob"}),
    "UnreadableVerdict": ("in_review", "approved", {"reviewer": "rob", "facts": {"review_file": "unreadable"}}),
    "ArbiterCategoryRequired": ("planned", "done", {"state": REJECTED, **BY_FORCE}),
    "RejectedVerdict": ("for_review", "approved", {"state": REJECTED, "reviewer": "rob"}),
    "FeedbackFileMissing": ("in_review", "planned", {"facts": {"feedback": "missing"}}),
    "FeedbackRequired": ("in_review", "planned", {"note": "no"}),
    "SubtasksOpen": ("in_progress", "for_review", {"facts": {"open_subtasks": ["T001"]}}),
    "BranchMissing": ("in_progress", "for_review", {"work": {"missing": ["main"]}}),
    "UncommittedChanges": ("in_progress", "for_review", {"work": {"uncommitted": ["a.py"]}}),
    "BranchBehind": ("in_progress", "for_review", {"work": {"behind": ["b.py"]}}),
    "NothingCommitted": ("in_progress", "for_review", {"work": {"has_commits_beyond": False}}),
    "NotMerged": ("approved", "done", {"work": {"is_merged": False}}),
    "NoSuchMove": ("done", "planned", {}),
    "ActorRequired": ("planned", "claimed", {"facts": {"actor_default": None}}),
    "WorkspaceRequired": ("claimed", "in_progress", {"work": {"branch": None}}),
    "CommitRequired": ("in_progress", "for_review", {"work": {"head": None}}),
    "ReviewerRequired": ("in_progress", "approved", {"agent": "rob", "approval_ref": "PR 7"}),
    "ApprovalRefRequired": ("in_progress", "approved", {"reviewer": "rob"}),
    "ReviewReferenceRequired": ("approved", "in_progress", {}),
    "ReasonRequired": ("in_progress", "planned", {}),
}


def test_every_arm_has_a_case_and_no_other_has_one() -> None:
    assert list(CASES) == list(ARMS)


@pytest.mark.parametrize("name", CASES)
def test_the_arm_is_what_the_case_comes_to(name: str) -> None:
    lane, to, known = CASES[name]
    assert arm(lane, to, **known) == name


@pytest.mark.parametrize("name", [name for name in CASES if name[0].isupper()])
def test_a_refusal_says_what_to_do(name: str) -> None:
    lane, to, known = CASES[name]
    message = refusal(lane, to, **known).message
    assert any(word in message for word in ("--", "git ", "moonmind tasks "))
