"""Commands of the process runtime, as argv."""

from pathlib import Path

import pytest

from moonmind.workflows.orchestrator.commands import ProcessCommands
from moonmind.workflows.orchestrator.ports import Command

COMMANDS = ProcessCommands(
    python="/mm/bin/python",
    base="/usr/bin/python3.12",
    config=Path("/home/m/var/supervisor/supervisord.conf"),
    program="svc-shop",
    workspace=Path("/srv/shop"),
)
CONTROL = ("/mm/bin/python", "-m", "supervisor.supervisorctl", "-c", "/home/m/var/supervisor/supervisord.conf")
INSTALL = ("/mm/bin/python", "-m", "pip", "--python", "/e/3", "install")
PLAIN = ("--no-input", "--disable-pip-version-check", "--progress-bar=off")


def test_the_supervisor_is_only_ever_asked_about_the_one_program() -> None:
    assert COMMANDS.status() == Command((*CONTROL, "status", "svc-shop"), quiet=True)
    assert COMMANDS.stop() == Command((*CONTROL, "stop", "svc-shop"))
    assert COMMANDS.start() == Command((*CONTROL, "start", "svc-shop"))


def test_an_environment_is_made_by_the_python_of_the_profile_and_filled_by_our_pip() -> None:
    assert COMMANDS.make_environment(Path("/e/3")).argv == (
        "/usr/bin/python3.12",
        "-m",
        "venv",
        "--without-pip",
        "/e/3",
    )
    assert COMMANDS.install("requirements.txt", Path("/e/3")) == Command(
        (*INSTALL, *PLAIN, "--requirement=requirements.txt"), cwd=Path("/srv/shop")
    )


@pytest.mark.parametrize(
    ("what", "target"),
    [
        ("requirements/prod.txt", "--requirement=requirements/prod.txt"),
        ("-e.txt", "--requirement=-e.txt"),
        (".", "./."),
        ("backend", "./backend"),
        ("--index-url", "./--index-url"),
    ],
)
def test_what_the_profile_installs_is_a_file_or_a_folder_and_never_an_option(what: str, target: str) -> None:
    assert COMMANDS.install(what, Path("/e/3")).argv[-1] == target


def test_files_are_changed_by_commands_too() -> None:
    assert COMMANDS.switch(Path("/s/current"), "venvs/3").argv == (
        "/mm/bin/python", "-m", "moonmind.utils.relink", "/s/current", "venvs/3",
    )  # fmt: skip
    assert COMMANDS.remove(Path("/s/venvs/1"), Path("/s/venvs/2")).argv == (
        "rm",
        "-rf",
        "--",
        "/s/venvs/1",
        "/s/venvs/2",
    )
    assert COMMANDS.set_aside(Path("/s/service.log")).argv == ("mv", "-f", "--", "/s/service.log", "/s/service.log.1")
