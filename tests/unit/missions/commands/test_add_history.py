"""`add-history`: a line in the package's file, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from moonmind.missions.commands.add_history import _do_add_history
from moonmind.missions.errors import MissionError
from moonmind.missions.front_matter import parse_front_matter
from moonmind.missions.packages import HistoryEntry
from tests.unit.missions.commands.desk import NOW, PARSER, SLUG, Desk, coordination


def add(desk: Desk, note: str = "it takes empty files", task_id: str = "WP01", **options: Any) -> None:
    _do_add_history(task_id, note=note, now=NOW, ports=desk.ports, **options)


def history(desk: Desk) -> list[HistoryEntry]:
    return parse_front_matter(desk.files[PARSER], PARSER).history


def test_a_note_is_added_after_those_that_are_there() -> None:
    desk = Desk()
    add(desk, "first", agent="kim", shell_pid="42")
    add(desk, "second")
    assert history(desk) == [
        HistoryEntry(at=NOW, note="first", agent="kim", shell_pid="42"),
        HistoryEntry(at=NOW, note="second", agent="Ada"),
    ]


def test_nobody_has_to_be_known() -> None:
    desk = Desk()
    desk.git.user = None
    add(desk)
    assert history(desk) == [HistoryEntry(at=NOW, note="it takes empty files")]


@pytest.mark.parametrize("branch", ["work", "main", None])
def test_on_every_branch_only_the_working_file_is_written(branch: str | None) -> None:
    desk = Desk(of=coordination(), branch=branch)
    add(desk)
    (commit,) = desk.commits
    assert (commit.branch, commit.paths) == (None, (f"specs/{SLUG}/{PARSER}",))
    assert not desk.new_events


def test_programs_are_told_exactly_this() -> None:
    desk = Desk()
    add(desk)
    assert desk.document == {"result": "added", "task_id": "WP01", "note": "it takes empty files"}
    assert desk.render.words == [f"WP01: the note is in specs/{SLUG}/{PARSER}, not committed"]


@pytest.mark.parametrize("note", ["", " \n"])
def test_a_note_without_text_is_wrong_usage(note: str) -> None:
    desk = Desk()
    with pytest.raises(MissionError, match="--note") as caught:
        add(desk, note)
    assert (caught.value.code, caught.value.exit_code) == ("EmptyNote", 2)
    assert desk.is_untouched


def test_a_note_that_the_file_cannot_hold_is_refused() -> None:
    desk = Desk()
    with pytest.raises(MissionError, match="4000") as caught:
        add(desk, "x" * 4001)
    assert caught.value.exit_code == 1
    assert desk.is_untouched


def test_a_package_without_a_file_is_refused() -> None:
    desk = Desk()
    with pytest.raises(MissionError) as caught:
        add(desk, task_id="WP09")
    assert (caught.value.code, caught.value.details) == ("UnknownWorkPackage", {"task_id": "WP09"})
    assert desk.is_untouched
