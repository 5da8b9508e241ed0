"""The cases leave nothing out: no command, exit code, parameter, or arm of the transition core."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from moonmind.cli.mission import mission
from moonmind.cli.tasks import tasks
from moonmind.missions import transition
from tests.golden.case import Case
from tests.golden.cases import CASES
from tests.golden.harness import answers

RECORDED = Path(__file__).with_name("recorded")
BY_ID = {case.id: case for case in CASES}


def _parameters() -> Iterator[tuple[str, click.Parameter]]:
    for group in (tasks, mission):
        for command in group.commands.values():
            for parameter in command.params:
                if parameter.name != "as_json":  # every case is called with it and without
                    yield f"{group.name} {command.name}", parameter


def _recorded(case: Case) -> str:
    return (RECORDED / f"{case.id}.txt").read_text()


def test_every_case_has_a_name_of_its_own() -> None:
    assert len(BY_ID) == len(CASES)


def test_what_is_recorded_is_what_is_run() -> None:
    recorded = {path.relative_to(RECORDED).with_suffix("").as_posix() for path in RECORDED.rglob("*.txt")}
    assert recorded == set(BY_ID)


@pytest.mark.parametrize("command", sorted(tasks.commands))
def test_every_command_ends_in_every_way(command: str) -> None:
    exits = {case.code for case in CASES if case.command == f"tasks {command}"}
    assert exits == {0, 1, 2}


@pytest.mark.parametrize(("command", "parameter"), list(_parameters()), ids=lambda one: getattr(one, "name", one))
def test_every_parameter_changes_what_is_seen(command: str, parameter: click.Parameter) -> None:
    shown = [case for case in CASES if case.command == command and parameter.name in case.shows]
    assert shown, f"no case shows {parameter.name}"
    for case in shown:
        twin = BY_ID[f"{command.split()[1]}/{case.unlike}"]
        assert (twin.repository, twin.folder) == (case.repository, case.folder)
        assert twin.words == _without(case.words, parameter)
        assert answers(_recorded(twin)) != answers(_recorded(case))


def _without(words: list[str], parameter: click.Parameter) -> list[str]:
    """The same call, less the parameter and its values."""
    if isinstance(parameter, click.Argument):
        end = next((i for i, word in enumerate(words) if word.startswith("--")), len(words))
        return [*words[:2], *words[end:]]
    assert isinstance(parameter, click.Option)
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in (*parameter.opts, *parameter.secondary_opts):
            if not parameter.is_flag:
                next(rest)
        else:
            kept.append(word)
    return kept


def test_every_arm_of_the_transition_core_is_reached() -> None:
    reached = {arm for case in CASES for arm in _arms(_recorded(case))}
    assert set(transition.ARMS) - reached == set()


def _arms(text: str) -> list[str]:
    after = text.partition("--- arm\n")[2]
    return after.splitlines()[:1]
