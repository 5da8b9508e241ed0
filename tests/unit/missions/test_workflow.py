"""Whether a package's file and its way through the lanes are in order."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from moonmind.missions.board import Board, Package
from moonmind.missions.documents.packages import FrontMatter
from moonmind.missions.documents.tasks_document import Section, Subtask
from moonmind.missions.events import Event, Evidence, ReviewResult, SubtaskStatus
from moonmind.missions.ids import make_ulid
from moonmind.missions.lanes import EDGES, Lane
from moonmind.missions.meta import Meta
from moonmind.missions.moves import ReviewFile
from moonmind.missions.reducer import reduce_events
from moonmind.missions.snapshot import encode_snapshot
from moonmind.missions.workflow import Validity, decide_validity

META = Meta(
    mission_id=make_ulid(1, 0),
    slug="007-night-shift",
    title="Night shift",
    created_at="2026-11-21T09:00:00.000000Z",
    topology="single",
    target_branch="main",
    coordination_branch=None,
    protected_branches=["main"],
)


def event(number: int, from_lane: Lane, to_lane: Lane, **changed: Any) -> Event:
    """The `number`-th of WP01, a second after the one before."""
    known: dict[str, Any] = {
        "event_id": make_ulid(2, number),
        "at": f"2026-11-21T09:00:{number:02}.000000Z",
        "wp_id": "WP01",
        "from_lane": from_lane,
        "to_lane": to_lane,
        "actor": "ann",
        "force": False,
        "reason": None,
        "evidence": None,
        "review_ref": None,
        "review_result": None,
        "execution_mode": "code_change",
        "mission_id": META.mission_id,
        "mission_slug": META.slug,
    }
    return Event(**{**known, **changed})


def way(*lanes: Lane, **last: Any) -> list[Event]:
    """The moves from each lane to the next; `last`: what is particular about the last."""
    events = [event(number, lane, to) for number, (lane, to) in enumerate(pairwise(lanes))]
    return [*events[:-1], msgspec.structs.replace(events[-1], **last)]


def told(number: int, **subtasks: SubtaskStatus) -> Event:
    return event(number, "planned", "planned", evidence=Evidence(subtasks=subtasks))


def section(wp_id: str = "WP01", *, waits_for: tuple[str, ...] = (), checked: bool = False) -> Section:
    """With the subtask T001."""
    subtasks = (Subtask("T001", "Read", checked, "checkbox", 4),) if wp_id == "WP01" else ()
    return Section(wp_id, "Parser", None, waits_for, subtasks, 3)


def validity(
    *events: Event,
    sections: tuple[Section, ...] = (section(),),
    front: dict[str, Any] | None = None,
    review_file: ReviewFile = "none",
    has_file: bool = True,
    view: bytes | None = None,
) -> Validity:
    package = Package("tasks/WP01-parser.md", FrontMatter(work_package_id="WP01", title="Parser", **(front or {})))
    snapshot = reduce_events(events, mission_id=META.mission_id, mission_slug=META.slug)
    board = Board(META, sections, {"WP01": package} if has_file else {}, events, snapshot)
    return decide_validity(board, "WP01", review_file=review_file, view=view)


def only_error(*events: Event, **known: Any) -> str:
    found = validity(*events, **known)
    assert not found.valid
    (error,) = found.errors
    return error


def only_warning(*events: Event, **known: Any) -> str:
    found = validity(*events, **known)
    assert found.valid
    (warning,) = found.warnings
    return warning


def test_a_package_that_nobody_has_touched_is_in_order() -> None:
    assert validity() == Validity((), ())


def test_a_way_along_the_table_is_in_order() -> None:
    events = way("planned", "claimed", "in_progress", "for_review", "in_review", "in_progress")
    assert validity(*events) == Validity((), ())


def test_the_order_of_the_lines_does_not_matter_and_neither_do_repeated_ones() -> None:
    events = way("planned", "claimed", "in_progress", "blocked")
    assert validity(*reversed(events), *events) == Validity((), ())


def test_other_packages_are_not_looked_at() -> None:
    assert validity(event(1, "done", "planned", wp_id="WP02")) == Validity((), ())


def test_a_file_needs_a_section_and_a_section_a_file() -> None:
    assert "tasks.md has no section WP01" in only_error(sections=())
    assert "there is no tasks/WP01-NAME.md" in only_error(has_file=False)


@pytest.mark.parametrize(
    ("front", "said"),
    [
        ({"dependencies": []}, "dependencies of WP01 are none in its file, WP02, WP03 in tasks.md"),
        ({"subtasks": ["T001", "T002"]}, "subtasks of WP01 are T001, T002 in its file, T001 in tasks.md"),
    ],
)
def test_the_file_says_what_tasks_md_says(front: dict[str, Any], said: str) -> None:
    sections = (section(waits_for=("WP02", "WP03")), section("WP02"), section("WP03"))
    assert said in only_error(sections=sections, front=front)
    assert validity(sections=sections, front={"dependencies": ["WP03", "WP02"], "subtasks": ["T001"]}).valid


def test_a_package_waits_only_for_those_that_there_are() -> None:
    assert "waits for WP09, which tasks.md does not have" in only_error(sections=(section(waits_for=("WP09",)),))


def test_a_package_does_not_wait_for_itself() -> None:
    circle = (section(waits_for=("WP02",)), section("WP02", waits_for=("WP01",)))
    assert "WP01 waits for itself" in only_error(sections=circle)


def test_every_package_begins_planned() -> None:
    assert "from claimed to in_progress, but every package begins planned" in only_error(
        event(1, "claimed", "in_progress")
    )


def test_a_move_begins_where_the_one_before_ended() -> None:
    error = only_error(event(1, "planned", "claimed"), event(2, "in_progress", "for_review"))
    assert error.startswith(
        f"event {make_ulid(2, 2)}: ann moved WP01 from in_progress to for_review, but it was claimed"
    )


def test_what_tells_of_subtasks_moves_nothing() -> None:
    events = way("planned", "claimed", "in_progress")
    assert validity(*events, told(9, T001="done"), sections=(section(checked=True),)) == Validity((), ())


def test_a_move_follows_the_table_or_is_forced() -> None:
    assert ("planned", "done") not in EDGES
    assert "which the lanes do not allow" in only_error(*way("planned", "for_review"))
    assert validity(*way("planned", "for_review", force=True)).valid


def test_two_who_claimed_it_at_once_are_settled_by_a_later_move() -> None:
    both = [event(1, "planned", "claimed"), event(2, "planned", "claimed", actor="bob")]
    assert "bob moved WP01 from planned to claimed, but it was claimed: see" in only_error(*both)
    assert "but it was claimed; a later move settled it" in only_warning(*both, event(3, "claimed", "in_progress"))


def test_a_later_move_that_disagrees_too_settles_nothing() -> None:
    moves = [event(1, "planned", "claimed"), event(2, "planned", "claimed"), event(3, "planned", "claimed")]
    assert len(validity(*moves).errors) == 2


def test_how_a_package_began_is_settled_by_a_later_move() -> None:
    moves = [event(1, "claimed", "in_progress"), event(2, "in_progress", "planned")]
    assert "but every package begins planned; a later move settled it" in only_warning(*moves)


def test_a_move_that_the_lanes_do_not_allow_is_settled_by_force_or_by_a_move_back() -> None:
    there = event(1, "planned", "in_progress")
    assert "which the lanes do not allow" in only_error(there, event(2, "in_progress", "blocked"))
    for settling in (event(2, "in_progress", "planned"), event(2, "in_progress", "blocked", force=True)):
        assert "nobody forced; a later move settled it" in only_warning(there, settling)


def test_an_event_of_another_mission_has_no_place_in_the_log() -> None:
    stray = event(1, "planned", "claimed", mission_id=make_ulid(9, 9), mission_slug="008-day-shift")
    assert "is of mission 008-day-shift: remove the line" in only_error(stray)


@pytest.mark.parametrize("lane", ["done", "canceled"])
def test_work_that_was_over_and_goes_on_is_warned_of(lane: Lane) -> None:
    events = [event(1, "planned", lane, force=True), event(2, lane, "in_progress", force=True, reason="it broke")]
    assert f"from {lane} to in_progress, by force: it broke" in only_warning(*events)


def test_a_move_that_lost_against_one_back_is_warned_of_once() -> None:
    events = way("planned", "claimed", "in_progress", "planned")
    lost = event(8, "in_progress", "for_review", at=events[-1].at)
    assert "from in_progress to for_review, and somebody moved it back at that instant" in only_warning(
        *events, lost, lost
    )


def test_a_review_file_is_readable() -> None:
    assert "the newest review-cycle file of WP01 cannot be read" in only_error(review_file="unreadable")


def test_the_review_file_of_a_rejection_is_there() -> None:
    rejected = ReviewResult(verdict="rejected", reviewer="rob", cycle=2)
    events = way("planned", "claimed", "in_progress", "for_review", "in_review", "planned", review_result=rejected)
    assert "review-cycle-2.md of WP01 is gone" in only_warning(*events)
    assert validity(*events, review_file="readable") == Validity((), ())


def test_a_view_that_a_merge_left_behind_is_warned_of() -> None:
    events = way("planned", "claimed")
    now = encode_snapshot(reduce_events(events, mission_id=META.mission_id, mission_slug=META.slug))
    assert validity(*events, view=now) == Validity((), ())
    assert only_warning(*events, view=now + b"\n").startswith("status.json is not what the log says")


def test_what_was_rejected_and_is_approved_all_the_same_is_warned_of() -> None:
    rejected = event(1, "in_review", "in_progress", review_result=ReviewResult(verdict="rejected", reviewer="rob"))
    before = event(0, "planned", "in_review", force=True)
    approved = event(2, "in_progress", "approved")
    done = [told(3, T001="done")]
    warning = only_warning(before, rejected, approved, *done, sections=(section(checked=True),))
    assert "WP01 is approved, and its last review rejected it" in warning


@pytest.mark.parametrize("lane", ["approved", "done"])
def test_open_subtasks_of_what_is_finished_are_warned_of(lane: Lane) -> None:
    assert f"WP01 is {lane}, and these subtasks are not: T001" in only_warning(event(1, "planned", lane, force=True))


def test_subtasks_that_only_the_log_knows_are_warned_of() -> None:
    assert "does not have: T009" in only_warning(told(1, T009="done"))


@pytest.mark.parametrize(("checked", "status"), [(True, "pending"), (False, "done")])
def test_boxes_that_show_otherwise_than_the_log_are_warned_of(checked: bool, status: SubtaskStatus) -> None:
    assert "tasks.md shows T001 otherwise" in only_warning(told(1, T001=status), sections=(section(checked=checked),))
