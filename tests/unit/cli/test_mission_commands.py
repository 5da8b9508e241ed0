"""`moonmind tasks` and `moonmind mission`: what reaches the helpers, and how what they say leaves."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from moonmind.cli import mission as mission_module
from moonmind.cli import tasks as tasks_module
from moonmind.cli.main import main
from moonmind.cli.mission_call import call, draw_chance, now_text
from moonmind.missions.commands import list_tasks
from moonmind.missions.errors import USAGE, MissionError

CALLS = {
    "tasks move-task WP01 --to doing --tracker-ref a --tracker-ref b": ("_do_move_task", {"to": "in_progress"}),
    "tasks move-task WP01 --to done --no-auto-commit --force": ("_do_move_task", {"auto_commit": False, "force": True}),
    "tasks mark-status T001 T002 --status done": ("_do_mark_status", {"task_ids": ("T001", "T002")}),
    "tasks list-tasks --lane doing": ("_do_list_tasks", {"lane": "in_progress"}),
    "tasks list-tasks --mission 7 --json": ("_do_list_tasks", {"lane": None, "mission": "7", "as_json": True}),
    "tasks add-history WP01 --note x": ("_do_add_history", {"task_id": "WP01", "note": "x"}),
    "tasks finalize-tasks --validate-only": ("_do_finalize_tasks", {"validate_only": True}),
    "tasks map-requirements --wp WP01 --refs FR-1": ("_do_map_requirements", {"wp": "WP01", "refs": "FR-1"}),
    "tasks validate-workflow WP01": ("_do_validate_workflow", {"task_id": "WP01"}),
    "tasks status --stale-threshold 3": ("_do_status", {"stale_threshold": 3}),
    "tasks list-dependents WP01": ("_do_list_dependents", {"wp_id": "WP01"}),
    "mission new Night --protect main": ("_do_mission_new", {"title": "Night", "protected_branches": ("main",)}),
    "mission list": ("_do_mission_list", {"as_json": False}),
    "mission show": ("_do_mission_show", {"mission": None}),
}


@pytest.mark.parametrize("line", CALLS)
def test_what_is_typed_is_what_a_helper_takes(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    calls = []

    def record(helper: Callable[..., Any], **arguments: Any) -> None:
        inspect.signature(helper).bind(**arguments)
        calls.append((helper.__name__, arguments))

    monkeypatch.setattr(tasks_module, "call", record)
    monkeypatch.setattr(mission_module, "call", record)
    assert CliRunner().invoke(main, line.split()).exit_code == 0
    name, told = CALLS[line]
    assert calls[0][0] == name
    assert calls[0][1] | told == calls[0][1]


def ended(monkeypatch: pytest.MonkeyPatch, end: Callable[..., int | None], *options: str) -> Result:
    monkeypatch.setattr(list_tasks, "_do_list_tasks", end)
    return CliRunner().invoke(main, ["tasks", "list-tasks", *options])


def failing(error: Exception) -> Callable[..., int | None]:
    def fail(**_: Any) -> int | None:
        raise error

    return fail


@pytest.mark.parametrize(("exit_code", "code"), [(1, 1), (USAGE, 2)])
def test_an_error_is_one_document_and_words_to_stderr(
    monkeypatch: pytest.MonkeyPatch, exit_code: int, code: int
) -> None:
    error = MissionError("Sentinel", "do that", exit_code=exit_code, details={"more": [1]})
    result = ended(monkeypatch, failing(error), "--json")
    assert result.exit_code == code
    assert json.loads(result.stdout) == {"error": "Sentinel", "detail": "do that", "more": [1]}
    assert result.stderr == "Error: do that\n"


def test_without_json_nothing_of_an_error_goes_to_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    result = ended(monkeypatch, failing(MissionError("Sentinel", "do that")))
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Error: do that\n")


def test_what_an_error_quotes_does_nothing_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "`a\x1b[31m\x07\nb\u202e\udcff` holds it"
    result = ended(monkeypatch, failing(MissionError("Sentinel", said, details={"holder": said})), "--json")
    assert json.loads(result.stdout_bytes.decode("utf-8")) == {"error": "Sentinel", "detail": said, "holder": said}
    assert result.stderr == "Error: `a [31m  b ?` holds it\n"


def test_what_the_system_refuses_is_told_like_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    result = ended(monkeypatch, failing(PermissionError(13, "Permission denied", "status.json")), "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"] == "SystemRefused"
    assert "Permission denied: 'status.json'" in result.stderr


def test_a_reader_that_went_away_is_no_error_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    result = ended(monkeypatch, failing(BrokenPipeError(32, "Broken pipe")), "--json")
    assert (result.exit_code, result.output) == (1, "")


def test_a_completed_answer_may_be_exit_1(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended(monkeypatch, lambda **_: 1).exit_code == 1
    assert ended(monkeypatch, lambda **_: None).exit_code == 0


@pytest.mark.parametrize("line", ["tasks list-tasks --lane nowhere", "tasks status --stale-threshold 0", "tasks nope"])
def test_wrong_usage_is_exit_2_and_one_document(line: str) -> None:
    result = CliRunner().invoke(main, [*line.split(), "--json"])
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"] == "usage"


def test_every_option_says_what_it_is_for() -> None:
    for group in (tasks_module.tasks, mission_module.mission):
        for command in group.commands.values():
            assert command.help
            assert [one.name for one in command.params if isinstance(one, click.Option) and not one.help] == []


def test_the_time_and_the_chance_are_as_events_want_them() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", now_text())
    assert len({draw_chance() for _ in range(9)}) == 9
    assert all(0 <= draw_chance() < 1 << 80 for _ in range(99))


def test_a_call_ends_with_the_code_of_its_helper() -> None:
    with pytest.raises(SystemExit) as caught:
        call(lambda **_: 1)
    assert caught.value.code == 1
