"""The guards of a move: which stands against what, and that the first in the promised order wins."""

from __future__ import annotations

from typing import Any

import pytest

from moonmind.missions.lanes import LANES, Lane
from tests.support.moves import BY_FORCE, BY_ONESELF, HEAD, REJECTED, WITH_FEEDBACK, arm, move, only_hop, refusal

LAST_FIRST: list[tuple[str, dict[str, Any]]] = [
    ("NotMerged", {"work": {"is_merged": False}}),
    ("NothingCommitted", {"work": {"has_commits_beyond": False}}),
    ("BranchBehind", {"work": {"behind": ["b.py"]}}),
    ("UncommittedChanges", {"work": {"uncommitted": ["a.py"]}}),
    ("BranchMissing", {"work": {"missing": ["main"]}}),
    ("SubtasksOpen", {"facts": {"open_subtasks": ["T001"]}}),
    ("FeedbackFileMissing", {"facts": {"feedback": "missing"}}),
    ("RejectedVerdict", {"state": REJECTED}),
    ("UnreadableVerdict", {"facts": {"review_file": "unreadable"}}),
    ("HeldByAnother", {"state": {"holder": "bob"}}),
    ("ProtectedBranch", {"facts": {"policy": "refuse"}}),
    ("MetadataWouldBeLost", {"facts": {"policy": "skip"}, "shell_pid": "17"}),
    ("SelfReview", {"reviewer": None, "state": {"holder": "ann"}}),
    ("ForceUnexplained", {"force": True}),
    ("SelfReviewFlags", {"intended_reviewer": "rob"}),
]
"""Each added to those before it, for `claimed` to `done`, which all of them concern."""


def merged(count: int) -> dict[str, Any]:
    known: dict[str, Any] = {"reviewer": "rob", "state": {}, "work": {}, "facts": {}}
    for _, more in LAST_FIRST[:count]:
        for key, value in more.items():
            known[key] = {**known[key], **value} if isinstance(value, dict) else value
    return known


@pytest.mark.parametrize("count", range(1, len(LAST_FIRST) + 1))
def test_the_first_guard_of_the_order_wins(count: int) -> None:
    assert arm("claimed", "done", **merged(count)) == LAST_FIRST[count - 1][0]


def test_with_nothing_against_it_the_same_move_is_made() -> None:
    assert arm("claimed", "done", **merged(0)) == "several_hops"


def test_feedback_for_the_next_one_is_asked_for_before_the_actor_is() -> None:
    known: dict[str, Any] = {"facts": {"actor_default": None}}
    assert arm("in_review", "planned", **known) == "FeedbackRequired"


@pytest.mark.parametrize("missing", BY_ONESELF)
def test_the_three_flags_of_a_review_by_oneself_are_useless_without_each_other(missing: str) -> None:
    two = {key: value for key, value in BY_ONESELF.items() if key != missing}
    assert arm("in_review", "approved", reviewer="rob", **two) == "SelfReviewFlags"


def test_a_move_that_decides_no_review_takes_no_flags_of_one() -> None:
    assert arm("planned", "claimed", **BY_ONESELF) == "SelfReviewFlags"


def test_who_claims_and_approves_in_one_go_reviews_their_own_work() -> None:
    assert arm("planned", "approved") == "SelfReview"
    assert arm("planned", "approved", reviewer="rob") == "several_hops"


def test_rejecting_ones_own_work_needs_no_flags() -> None:
    assert arm("in_review", "in_progress", facts=WITH_FEEDBACK) == "rejection"


def test_feedback_for_what_rejects_nothing_is_not_dropped_in_silence() -> None:
    assert arm("in_review", "approved", reviewer="rob", facts=WITH_FEEDBACK) == "FeedbackNotUsed"
    assert arm("planned", "planned", facts=WITH_FEEDBACK) == "FeedbackNotUsed"


@pytest.mark.parametrize("lane", ["in_progress", "blocked", "for_review", "in_review", "approved"])
def test_how_it_is_taken_over_is_told_and_works(lane: Lane) -> None:
    command = "moonmind tasks move-task WP01 --to claimed --force --agent 'bob the lead' --note WHY"
    assert refusal(lane, "claimed", agent="bob the lead").message.endswith(f"take it over: {command}")
    assert only_hop(lane, "claimed", agent="bob", force=True, note="WHY").actor == "bob"


def test_what_is_claimed_is_taken_over_in_two_moves() -> None:
    call = "moonmind tasks move-task WP01 --to"
    told = f"take it over: {call} planned --force --agent bob --note WHY, then {call} claimed --agent bob"
    assert refusal("claimed", "in_progress", agent="bob").message.endswith(told)
    assert only_hop("claimed", "planned", agent="bob", force=True, note="WHY").to_lane == "planned"


def test_who_forces_a_package_to_where_it_is_is_told_how_to_take_it_over() -> None:
    answer = refusal("in_progress", "in_progress", agent="bob", force=True, note="ann is ill")
    assert answer.code == "OptionsNotUsed"
    assert "to take it over: moonmind tasks move-task WP01 --to claimed --force --agent bob" in answer.message
    assert "take it over" not in refusal("in_progress", "in_progress", **BY_FORCE).message


@pytest.mark.parametrize("lane", ["claimed", "in_progress", "blocked"])
def test_what_somebody_holds_others_leave_alone(lane: Lane) -> None:
    answer = refusal(lane, "canceled", agent="bob")
    assert (answer.code, answer.details) == ("HeldByAnother", {"holder": "ann"})


@pytest.mark.parametrize(
    ("lane", "to", "known"),
    [
        ("for_review", "in_review", {}),
        ("for_review", "blocked", {}),
        ("in_review", "approved", {}),
        ("in_review", "planned", {"facts": WITH_FEEDBACK}),
        ("in_progress", "approved", {"reviewer": "rob", "approval_ref": "PR 7"}),
        ("approved", "done", {}),
    ],
)
def test_a_reviewer_need_not_hold_what_is_reviewed(lane: Lane, to: Lane, known: dict[str, Any]) -> None:
    assert move(lane, to, agent="rob", **known).hops[0].actor == "rob"


@pytest.mark.parametrize("to", ["approved", "done"])
def test_an_unreadable_verdict_is_not_skipped(to: Lane) -> None:
    known = {"reviewer": "rob", "skip_review_artifact_check": True, "note": "it was fine"}
    assert arm("in_review", to, facts={"review_file": "unreadable"}, **known) == "UnreadableVerdict"


def test_an_unreadable_verdict_is_mended_by_another_rejection() -> None:
    assert arm("in_review", "planned", facts={"review_file": "unreadable", **WITH_FEEDBACK}) == "rejection"


def test_a_rejection_stands_until_the_package_is_in_review_again() -> None:
    anew = {**REJECTED, "reviewed_anew": True}
    assert arm("for_review", "approved", state=REJECTED, reviewer="rob") == "RejectedVerdict"
    assert arm("for_review", "in_review", state=REJECTED) == "review_taken"
    assert arm("in_review", "approved", state=anew, reviewer="rob") == "approval"


@pytest.mark.parametrize("known", [{"skip_review_artifact_check": True}, {"note": "mended"}])
def test_a_rejection_is_skipped_only_with_the_option_and_a_note(known: dict[str, Any]) -> None:
    assert arm("for_review", "approved", state=REJECTED, reviewer="rob", **known) == "RejectedVerdict"


@pytest.mark.parametrize("lane", ["for_review", "in_review", "approved"])
@pytest.mark.parametrize("known", [{}, BY_FORCE], ids=["plain", "forced"])
def test_reviewed_work_is_not_planned_again_without_feedback(lane: Lane, known: dict[str, Any]) -> None:
    assert arm(lane, "planned", **{"note": "again", **known}) == "FeedbackRequired"


@pytest.mark.parametrize("lane", ["claimed", "in_progress", "blocked"])
def test_what_was_not_reviewed_is_planned_again_with_a_note(lane: Lane) -> None:
    assert arm(lane, "planned") == "ReasonRequired"
    assert move(lane, "planned", note="later").writes_feedback is False


@pytest.mark.parametrize("lane", ["for_review", "in_review"])
def test_reviewed_work_goes_back_in_progress_only_with_feedback(lane: Lane) -> None:
    assert arm(lane, "in_progress") == "FeedbackRequired"
    assert arm(lane, "in_progress", facts=WITH_FEEDBACK) == "rejection"


@pytest.mark.parametrize(
    ("lane", "to"),
    [("claimed", "for_review"), ("in_progress", "approved"), ("in_review", "approved"), ("approved", "done")],
)
def test_open_subtasks_are_named(lane: Lane, to: Lane) -> None:
    still = [f"T00{n}" for n in range(1, 8)]
    known = {"reviewer": "rob", "approval_ref": "PR 7", "facts": {"open_subtasks": still}}
    answer = refusal(lane, to, **known)
    assert (answer.code, answer.details) == ("SubtasksOpen", {"subtasks": still})
    assert "T005 and 2 more" in answer.message


@pytest.mark.parametrize(("lane", "to"), [("claimed", "in_progress"), ("for_review", "in_review")])
def test_open_subtasks_do_not_keep_work_from_going_on(lane: Lane, to: Lane) -> None:
    assert move(lane, to, facts={"open_subtasks": ["T001"]}).hops


def test_open_subtasks_do_not_keep_work_from_being_rejected() -> None:
    assert arm("in_review", "planned", facts={"open_subtasks": ["T001"], **WITH_FEEDBACK}) == "rejection"


@pytest.mark.parametrize(
    "work", [{"uncommitted": ["a.py"]}, {"behind": ["b.py"]}, {"has_commits_beyond": False}, {"head": None}]
)
def test_a_planning_artifact_is_reviewed_wherever_it_lies(work: dict[str, Any]) -> None:
    assert arm("in_progress", "for_review", work=work, facts={"execution_mode": "planning_artifact"}) == "handover"


def test_only_a_handover_asks_whether_the_work_is_current() -> None:
    assert arm("for_review", "in_review", work={"uncommitted": ["a.py"], "behind": ["b.py"]}) == "review_taken"


def test_a_planning_artifact_is_done_without_being_merged() -> None:
    facts = {"execution_mode": "planning_artifact"}
    assert arm("approved", "done", work={"is_merged": False}, facts=facts) == "completion"


def test_a_branch_that_is_gone_is_done_with_a_reason() -> None:
    gone = {"head": None, "is_merged": False}
    assert arm("approved", "done", work=gone) == "NotMerged"
    assert arm("approved", "done", work=gone, done_override_reason="merged, branch deleted") == "done_unmerged"
    assert arm("approved", "done", work={**gone, "is_merged": True}) == "CommitRequired"


def test_of_a_branch_that_is_gone_the_commit_that_was_handed_over_is_named() -> None:
    answer = refusal("approved", "done", work={"is_merged": False, "is_as_logged": True})
    assert answer.code == "NotMerged"
    assert answer.message.startswith(f"{HEAD}, which was handed over of WP01, is not in the target branch")
    assert "git fetch origin 007-work:007-work" in answer.message
    assert arm("approved", "done", work={"is_as_logged": True}) == "completion"


@pytest.mark.parametrize(("lane", "to"), [("in_progress", "for_review"), ("approved", "done")])
def test_branches_that_are_not_here_are_named_with_the_command_that_brings_them(lane: Lane, to: Lane) -> None:
    answer = refusal(lane, to, work={"missing": ["main", "007-work"], "is_merged": False})
    assert (answer.code, answer.details) == ("BranchMissing", {"branches": ["main", "007-work"]})
    assert "no branch main and no branch 007-work here" in answer.message
    assert "git fetch origin main:main 007-work:007-work" in answer.message


def test_without_a_branch_that_is_done_with_a_reason() -> None:
    absent = {"missing": ["main"], "is_merged": False}
    assert arm("approved", "done", work=absent, done_override_reason="merged elsewhere") == "done_unmerged"


def test_head_is_named_where_no_branch_is() -> None:
    work = {"branch": None, "is_merged": False}
    assert "merge HEAD first" in refusal("approved", "done", work=work).message


@pytest.mark.parametrize("lane", LANES)
def test_a_package_that_is_there_already_stays_as_it_is(lane: Lane) -> None:
    answer = move(lane, lane, agent="ann", facts={"policy": "refuse", "actor_default": None})
    assert (answer.name, answer.hops, answer.fields) == ("unchanged", (), {})


@pytest.mark.parametrize("lane", LANES)
def test_who_takes_what_another_has_taken_is_told(lane: Lane) -> None:
    taken = lane in ("claimed", "in_progress")
    assert arm(lane, lane, agent="bob") == ("HeldByAnother" if taken else "unchanged")


SAID: dict[str, Any] = {
    "assignee": "bob",
    "shell_pid": "17",
    "note": "hallo",
    "approval_ref": "PR 7",
    "reviewer": "rob",
    "done_override_reason": "by mail",
    "tracker_refs": ["#1"],
}


@pytest.mark.parametrize("name", SAID)
def test_what_is_said_of_a_package_that_is_there_already_is_not_dropped_in_silence(name: str) -> None:
    answer = refusal("claimed", "claimed", **{name: SAID[name]})
    option = "--tracker-ref" if name == "tracker_refs" else f"--{name.replace('_', '-')}"
    assert (answer.code, answer.details) == ("OptionsNotUsed", {"options": [option]})
    assert f"WP01 is claimed already, and {option} would be lost" in answer.message


def test_nor_is_who_should_have_reviewed_it() -> None:
    answer = refusal("approved", "approved", **BY_ONESELF)
    assert answer.details == {"options": ["--intended-reviewer", "--reviewer-failure-reason"]}


@pytest.mark.parametrize(
    ("known", "code"),
    [
        ({"agent": " ", "facts": {"actor_default": None}}, "ActorRequired"),
        ({"force": True, "agent": "ann", "note": "\n"}, "ForceUnexplained"),
    ],
)
def test_a_text_of_blanks_is_none(known: dict[str, Any], code: str) -> None:
    assert arm("planned", "claimed", **known) == code


def test_what_may_be_done_instead_is_listed() -> None:
    answer = refusal("blocked", "for_review")
    assert answer.details == {
        "from_lane": "blocked",
        "to_lane": "for_review",
        "allowed": ["in_progress", "canceled"],
    }
    assert "goes to in_progress, canceled" in answer.message
    assert "goes nowhere" in refusal("canceled", "planned").message
