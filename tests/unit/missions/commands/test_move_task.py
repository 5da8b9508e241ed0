"""`move-task`: what is read before the core is asked, and that just what it says is done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from moonmind.missions import transition
from moonmind.missions.commands.move_task import _do_move_task
from moonmind.missions.documents.front_matter import parse_front_matter
from moonmind.missions.documents.packages import FrontMatter, HistoryEntry
from moonmind.missions.errors import MissionError, Refusal
from moonmind.missions.events import Evidence, ReviewResult, parse_log
from moonmind.missions.lanes import Lane
from moonmind.missions.moves import Hop, Move, MoveFacts, MoveRequest
from moonmind.missions.ports import Edit
from moonmind.missions.reducer import reduce_events
from moonmind.missions.snapshot import encode_snapshot
from tests.fakes.missions import FakeGit, FakeRouter
from tests.unit.missions.commands.desk import (
    MAIN,
    MISSION_ID,
    NOW,
    PACKAGES,
    PARSER,
    SLUG,
    WORK,
    Desk,
    coordination,
    event,
    meta,
    walk,
)

REVIEW = "tasks/WP01-parser/review-cycle-1.md"


def move(desk: Desk, to: Lane = "claimed", **options: Any) -> None:
    _do_move_task(options.pop("task_id", "WP01"), to=to, now=NOW, chance=5, ports=desk.ports, **options)


def front(desk: Desk) -> FrontMatter:
    return parse_front_matter(desk.files[PARSER], PARSER)


@pytest.fixture
def feedback(tmp_path: Path) -> str:
    file = tmp_path / "review.md"
    file.write_text("The empty line is not handled.\n")
    return str(file)


# What is done


def test_a_move_is_an_event_and_a_snapshot_and_a_line_of_the_packages_history() -> None:
    desk = Desk()
    move(desk, agent="kim", note="my turn", assignee="kim", shell_pid="42")
    (made,) = desk.new_events
    assert (made.wp_id, made.from_lane, made.to_lane, made.actor, made.reason, made.at) == (
        "WP01", "planned", "claimed", "kim", "my turn", NOW,
    )  # fmt: skip
    log = parse_log(desk.files["status.events.jsonl"])
    assert desk.files["status.json"] == encode_snapshot(reduce_events(log, mission_id=MISSION_ID, mission_slug=SLUG))
    entry = HistoryEntry(at=NOW, note="planned → claimed: my turn", agent="kim", shell_pid="42")
    assert front(desk) == FrontMatter(
        work_package_id="WP01", title="Parser", agent="kim", assignee="kim", shell_pid="42", history=[entry]
    )


def test_every_other_byte_of_the_packages_file_stays() -> None:
    desk = Desk()
    move(desk, agent="kim")
    before, after = PACKAGES[PARSER].split("---\n"), desk.text(PARSER).split("---\n")
    assert after[1].startswith(before[1])
    assert after[2] == before[2]


def test_programs_are_told_exactly_this() -> None:
    desk = Desk()
    move(desk, "in_progress", agent="kim")
    assert desk.document == {
        "result": "moved",
        "task_id": "WP01",
        "old_lane": "planned",
        "new_lane": "in_progress",
        "path": f"specs/{SLUG}/{PARSER}",
        "event_id": desk.new_events[-1].event_id,
        "work_package_id": "WP01",
        "to_lane": "in_progress",
        "status_events_path": f"specs/{SLUG}/status.events.jsonl",
    }


def test_people_are_told_what_happened_and_what_comes_next() -> None:
    desk = Desk()
    move(desk, "in_progress", agent="kim")
    happened, comes = desk.render.words[0].split("\n")
    assert happened == "WP01: planned → claimed → in_progress"
    assert comes.endswith("moonmind tasks move-task WP01 --to for_review")


def test_a_move_writes_its_events_and_the_views_of_them(feedback: str) -> None:
    desk = Desk(*walk("planned", "claimed", "in_progress", "for_review", "in_review"))
    move(desk, "planned", agent="rob", review_feedback_file=feedback)
    assert [commit.kind for commit in desk.commits] == ["status", "review", "package"]
    assert {commit.branch for commit in desk.commits} == {"work"}
    assert desk.commits[-1].message == "WP01: in_review → planned"


def test_what_is_interrupted_has_changed_nothing() -> None:
    class Interrupted(FakeRouter):
        def commit_artifact(self, *arguments: Any, **more: Any) -> None:
            raise KeyboardInterrupt

    desk = Desk()
    desk.router = Interrupted(desk.reader)
    with pytest.raises(KeyboardInterrupt):
        move(desk, agent="kim")
    assert desk.files == desk.before
    desk.router = FakeRouter(desk.reader)
    move(desk, "in_progress", agent="kim")
    assert desk.document["old_lane"] == "planned"


def test_a_rejection_keeps_the_feedback_as_a_review_cycle(feedback: str) -> None:
    desk = Desk(*walk("planned", "claimed", "in_progress", "for_review", "in_review"))
    move(desk, "planned", agent="rob", review_feedback_file=feedback)
    text = desk.text(REVIEW)
    assert text.endswith("The empty line is not handled.\n")
    assert "rejected" in text
    assert "rob" in text
    assert desk.document["review_feedback"] == f"specs/{SLUG}/{REVIEW}"
    assert f"specs/{SLUG}/{REVIEW}" in desk.render.words[0]


def test_without_a_rejection_there_is_no_word_of_feedback() -> None:
    desk = Desk()
    move(desk, agent="kim")
    assert "review_feedback" not in desk.document
    assert "wp_file_update" not in desk.document


def test_a_package_that_is_there_already_stays_as_it_is() -> None:
    desk = Desk(*walk("planned", "claimed"))
    move(desk, "claimed", agent="ann")
    assert desk.files == desk.before
    assert not desk.commits
    assert (desk.document["result"], desk.document["event_id"], desk.document["to_lane"]) == (
        "unchanged", None, "claimed",
    )  # fmt: skip
    assert desk.render.words[0].startswith("WP01 is claimed already; nothing was changed\n")


def test_in_coordination_a_protected_branch_is_left_alone_and_it_is_said() -> None:
    desk = Desk(of=coordination(), branch="main")
    move(desk, agent="kim")
    assert [(commit.kind, commit.branch) for commit in desk.commits] == [("status", "coordination/007")]
    assert desk.text(PARSER) == PACKAGES[PARSER]
    assert desk.document["wp_file_update"] == "skipped"
    assert desk.document["wp_file_update_reason"] in desk.render.words[0]
    assert desk.document["frontmatter_fields_skipped"] == ["agent", "history"]


def test_there_the_feedback_of_a_rejection_is_kept_all_the_same(feedback: str) -> None:
    desk = Desk(*walk("planned", "claimed", "in_progress", "for_review", "in_review"), of=coordination(), branch="main")
    move(desk, "planned", agent="rob", review_feedback_file=feedback)
    assert [(commit.kind, commit.branch) for commit in desk.commits] == [
        ("status", "coordination/007"), ("review", "coordination/007"),
    ]  # fmt: skip


def test_without_auto_commit_the_files_are_left_to_the_user() -> None:
    desk = Desk(branch="main")
    move(desk, agent="kim", auto_commit=False)
    assert [(commit.kind, commit.branch) for commit in desk.commits] == [("status", None), ("package", None)]


def test_an_event_comes_after_the_logs_last_one_although_the_clock_is_behind() -> None:
    last = event(0, "planned", "claimed", at="2026-12-01T00:00:00.000000Z")
    desk = Desk(last)
    move(desk, "in_progress", agent="ann")
    assert desk.new_events[0].at == "2026-12-01T00:00:00.000001Z"


# What is refused


def test_a_refusal_changes_nothing() -> None:
    desk = Desk(branch="main")
    with pytest.raises(MissionError) as caught:
        move(desk, agent="kim")
    assert (caught.value.code, caught.value.exit_code) == ("ProtectedBranch", 1)
    assert desk.is_untouched


def test_a_package_without_a_file_is_refused_and_those_with_one_are_named() -> None:
    desk = Desk()
    with pytest.raises(MissionError, match="WP01, WP02") as caught:
        move(desk, task_id="WP09")
    assert caught.value.code == "UnknownWorkPackage"
    assert desk.is_untouched


def test_what_would_break_the_packages_file_is_refused_before_the_log_is_written() -> None:
    desk = Desk()
    with pytest.raises(MissionError, match="history") as caught:
        move(desk, agent="kim", note="x" * 5000)
    assert caught.value.code == "BrokenFrontMatter"
    assert desk.is_untouched


# What the core is told


class Asked(Exception):
    """Ends a command where the core is asked."""


def facts(monkeypatch: pytest.MonkeyPatch, desk: Desk, **options: Any) -> MoveFacts:
    found: list[MoveFacts] = []

    def decide(_: MoveRequest, told: MoveFacts) -> Move:
        found.append(told)
        raise Asked

    monkeypatch.setattr(transition, "decide_move", decide)
    with pytest.raises(Asked):
        move(desk, **options)
    return found[0]


def test_the_request_is_what_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[MoveRequest] = []
    monkeypatch.setattr(transition, "decide_move", lambda request, _: asked.append(request) or Refusal("No", "no"))
    options: Mapping[str, Any] = {
        "agent": "kim",
        "assignee": "lee",
        "shell_pid": "42",
        "note": "why",
        "approval_ref": "#3",
        "reviewer": "rob",
        "self_review_fallback": True,
        "intended_reviewer": "sue",
        "reviewer_failure_reason": "ill",
        "done_override_reason": "elsewhere",
        "force": True,
        "tracker_refs": ("#1",),
        "skip_review_artifact_check": True,
    }
    with pytest.raises(MissionError):
        move(Desk(), "done", **options)
    assert asked == [MoveRequest(wp_id="WP01", to="done", **options)]


def test_of_a_package_that_nobody_has_begun_the_workspace_is_what_is_checked_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work = facts(monkeypatch, Desk()).workspace
    assert (work.branch, work.head, work.has_commits_beyond, work.is_merged) == ("work", WORK, True, False)


def begun(branch: str = "work", base: str = "c" * 40) -> list[Any]:
    start = event(1, "claimed", "in_progress", evidence=Evidence(branch=branch, base=base))
    return [event(0, "planned", "claimed"), start]


def test_of_one_in_progress_it_is_the_branch_where_it_was_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(*begun(), branch="main")
    desk.git.commits["HEAD"] = MAIN
    desk.git.changed = {("c" * 40, WORK): ["src/work.py"]}
    work = facts(monkeypatch, desk).workspace
    assert (work.branch, work.head, work.has_commits_beyond) == ("work", WORK, True)


def test_planning_files_are_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(*begun())
    desk.git.commits["c" * 40] = "c" * 40
    desk.git.changed = {("c" * 40, WORK): ["specs/007-night-shift/plan.md"], (WORK, MAIN): ["specs/x.md", "src/new.py"]}
    work = facts(monkeypatch, desk, to="for_review").workspace
    assert not work.has_commits_beyond
    assert work.behind == ["src/new.py"]


@pytest.mark.parametrize(("changed", "told"), [(["src/work.py"], True), ([], False)])
def test_where_its_base_is_not_known_any_more_the_work_is_what_the_target_has_not(
    monkeypatch: pytest.MonkeyPatch, changed: list[str], told: bool
) -> None:
    desk = Desk(*begun())
    desk.git.changed = {(MAIN, WORK): changed, ("c" * 40, WORK): ["never", "asked"]}
    assert facts(monkeypatch, desk, to="for_review").workspace.has_commits_beyond is told


def test_work_is_merged_when_the_target_branch_contains_it(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(*begun())
    desk.git.ancestors = frozenset({(WORK, MAIN)})
    assert facts(monkeypatch, desk, to="done").workspace.is_merged


def handed_over(branch: str = "gone", commit: str = WORK) -> list[Any]:
    over = event(2, "in_progress", "for_review", evidence=Evidence(commit=commit))
    return [*begun(branch), over, event(3, "for_review", "in_review"), event(4, "in_review", "approved")]


def test_a_branch_that_is_gone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    work = facts(monkeypatch, Desk(*begun(branch="gone")), to="for_review").workspace
    assert (work.branch, work.head, work.missing, work.is_merged) == ("gone", None, ("gone",), False)


def test_once_its_branch_is_gone_the_log_says_what_was_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(*handed_over(), branch="main")
    desk.git.commits[WORK] = WORK
    desk.git.ancestors = frozenset({(WORK, MAIN)})
    work = facts(monkeypatch, desk, to="done").workspace
    assert (work.head, work.is_as_logged, work.is_merged, work.missing) == (WORK, True, True, ())


def test_a_commit_that_is_not_here_either_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    work = facts(monkeypatch, Desk(*handed_over()), to="done").workspace
    assert (work.head, work.is_as_logged, work.missing) == (None, False, ("gone",))


@pytest.mark.parametrize("to", ["for_review", "done"])
def test_without_the_target_branch_that_is_told(monkeypatch: pytest.MonkeyPatch, to: Lane) -> None:
    desk = Desk()
    del desk.git.commits["main"]
    work = facts(monkeypatch, desk, to=to).workspace
    assert (work.missing, work.is_merged) == (("main",), False)


def test_a_branch_that_is_checked_out_is_here_before_its_first_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(branch="begun")
    work = facts(monkeypatch, desk, to="for_review").workspace
    assert (work.branch, work.head, work.missing) == ("begun", None, ())


def test_other_moves_ask_nothing_of_branches_and_files(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unasked(FakeGit):
        def _fail(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("git was asked")

        uncommitted = changed_between = is_ancestor = _fail

    desk = Desk(*begun(), files={PARSER: OWNED})
    desk.git = Unasked(checked_out="work", commits={"work": WORK})
    work = facts(monkeypatch, desk, to="blocked").workspace
    assert (work.branch, work.head, work.missing) == ("work", WORK, ())


OWNED = PACKAGES[PARSER].replace("# as agreed", "\nowned_files: ['src/*.py']")


def test_owned_files_that_are_not_committed_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(files={PARSER: OWNED})
    desk.git.dirty = ["src/a.py", "docs/b.md"]
    assert facts(monkeypatch, desk, to="for_review").workspace.uncommitted == ["src/a.py"]


def test_they_are_looked_for_where_the_work_is(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(*begun(), branch="main", files={PARSER: OWNED})
    desk.git.dirty, desk.git.dirty_elsewhere = ["src/a.py"], {"work": ["src/b.py"]}
    assert facts(monkeypatch, desk, to="for_review").workspace.uncommitted == ["src/b.py"]


def test_a_package_that_owns_nothing_has_nothing_uncommitted(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    desk.git.dirty = ["src/a.py"]
    assert facts(monkeypatch, desk, to="for_review").workspace.uncommitted == ()


def test_open_subtasks_are_those_that_the_log_does_not_call_done(monkeypatch: pytest.MonkeyPatch) -> None:
    told = event(0, "planned", "planned", evidence=Evidence(subtasks={"T001": "done"}))
    assert facts(monkeypatch, Desk(told)).open_subtasks == ["T002"]


def test_who_acts_and_what_is_tracked_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    told = facts(monkeypatch, Desk(), task_id="WP02")
    assert (told.actor_default, list(told.tracker_refs)) == ("Ada", ["#1"])


@pytest.mark.parametrize(("options", "policy"), [({}, "commit"), ({"auto_commit": False}, "keep")])
def test_the_policy_is_that_of_the_branch(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], policy: str
) -> None:
    assert facts(monkeypatch, Desk(), **options).policy == policy


def test_feedback_that_was_not_given_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert facts(monkeypatch, Desk()).feedback == "none"


def test_feedback_that_is_text_is_readable(monkeypatch: pytest.MonkeyPatch, feedback: str) -> None:
    assert facts(monkeypatch, Desk(), review_feedback_file=feedback).feedback == "readable"


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff", b"x" * (1024 * 1024 + 1)])
def test_feedback_that_is_no_text_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "review.md"
    if content is not None:
        file.write_bytes(content)
    assert facts(monkeypatch, Desk(), review_feedback_file=str(file)).feedback == "missing"


@pytest.mark.parametrize("path", ["", "a\0b", "."])
def test_feedback_that_is_no_file_is_missing(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    assert facts(monkeypatch, Desk(), review_feedback_file=path).feedback == "missing"


def test_without_reviews_the_next_cycle_is_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    told = facts(monkeypatch, Desk())
    assert (told.review_file, told.next_cycle) == ("none", 1)


def test_the_newest_review_counts(monkeypatch: pytest.MonkeyPatch, feedback: str) -> None:
    desk = Desk(*walk("planned", "claimed", "in_progress", "for_review", "in_review"))
    move(desk, "planned", agent="rob", review_feedback_file=feedback)
    desk.files[REVIEW.replace("1.md", "10.md")] = desk.files[REVIEW]
    desk.files[REVIEW.replace("1.md", "9.md")] = b"broken"
    told = facts(monkeypatch, desk)
    assert (told.review_file, told.next_cycle) == ("readable", 11)


def test_a_review_that_cannot_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told = facts(monkeypatch, Desk(files={REVIEW: "---\nverdict: [\n"}))
    assert (told.review_file, told.next_cycle) == ("unreadable", 2)


# The core's value drives the command


def decided(monkeypatch: pytest.MonkeyPatch, answer: Move | Refusal) -> None:
    monkeypatch.setattr(transition, "decide_move", lambda *_: answer)


def test_a_constant_refusal_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    decided(monkeypatch, Refusal("Sentinel", "the sentinel says no", {"key": 7}))
    desk = Desk()
    with pytest.raises(MissionError, match="the sentinel says no") as caught:
        move(desk, agent="kim")
    assert (caught.value.code, caught.value.exit_code, caught.value.details) == ("Sentinel", 1, {"key": 7})
    assert desk.is_untouched


def test_a_constant_move_is_made_whatever_was_asked(monkeypatch: pytest.MonkeyPatch, feedback: str) -> None:
    result = ReviewResult(verdict="rejected", reviewer="sentinel", cycle=1)
    hop = Hop(
        from_lane="done",
        to_lane="blocked",
        actor="sentinel",
        force=True,
        reason="so",
        review_ref="r",
        review_result=result,
    )
    fields = {"assignee": "nobody"}
    constant = Move(name="claim", hops=(hop,), fields=fields, writes_feedback=True)
    decided(monkeypatch, constant)
    desk = Desk()
    move(desk, agent="kim", review_feedback_file=feedback)
    (made,) = desk.new_events
    assert (made.from_lane, made.to_lane, made.actor, made.force, made.reason, made.review_ref, made.review_result) == (
        "done", "blocked", "sentinel", True, "so", "r", result,
    )  # fmt: skip
    assert (front(desk).assignee, front(desk).agent) == ("nobody", None)
    assert REVIEW in desk.files
    assert (desk.document["result"], desk.document["new_lane"]) == ("moved", "blocked")


def test_a_constant_move_without_hops_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    decided(monkeypatch, Move(name="unchanged", hops=()))
    desk = Desk()
    move(desk, "done", agent="kim")
    assert desk.files == desk.before
    assert desk.document["result"] == "unchanged"


def test_a_constant_skip_leaves_the_file_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    hop = Hop(from_lane="planned", to_lane="claimed", actor="kim")
    decided(monkeypatch, Move(name="claim", hops=(hop,), skipped=("moon",), skipped_reason="it is night"))
    desk = Desk()
    move(desk, agent="kim")
    assert desk.text(PARSER) == PACKAGES[PARSER]
    assert desk.document["wp_file_update_reason"] == "it is night"
    assert desk.document["frontmatter_fields_skipped"] == ["moon"]


# The file of the last commit


def test_of_a_file_that_was_never_committed_all_goes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    committed: list[bytes] = []

    class Committing(FakeRouter):
        def commit_artifact(self, _: Any, edits: Mapping[str, Edit], *arguments: Any, **more: Any) -> None:
            committed.extend(edits[PARSER](old) for old in (b"", b"---\nbroken: [\n---\n", PACKAGES[PARSER].encode()))
            return super().commit_artifact(_, edits, *arguments, **more)

    desk = Desk(files={PARSER: PACKAGES[PARSER] + "More of it.\n"})
    desk.router = Committing(desk.reader)
    move(desk, agent="kim")
    absent, broken, there = committed
    assert absent == broken == desk.files[PARSER]
    assert b"agent: kim" in there
    assert b"More of it" not in there


def test_the_mission_may_be_named() -> None:
    with pytest.raises(MissionError) as caught:
        move(Desk(of=meta()), mission="008")
    assert caught.value.exit_code == 2
