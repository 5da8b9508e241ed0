"""Commands of the process runtime, as argv."""

from pathlib import Path

import pytest

from moonmind.workflows.orchestrator.commands import ProcessCommands
from moonmind.workflows.orchestrator.ports import Command
from moonmind.workflows.orchestrator.python_commands import UvCommands, uv_environment

COMMANDS = ProcessCommands(
    python="/mm/bin/python",
    config=Path("/home/m/var/supervisor/supervisord.conf"),
    program="svc-shop",
    workspace=Path("/srv/shop"),
)
CONTROL = ("/mm/bin/python", "-m", "supervisor.supervisorctl", "-c", "/home/m/var/supervisor/supervisord.conf")
UV = UvCommands(uv="/mm/bin/uv", python="/mm/bin/python", env={"UV_DEFAULT_INDEX": "https://index.example/simple"})
PLAIN = ("/mm/bin/uv", "--color", "never", "--no-config")


def test_the_supervisor_is_only_ever_asked_about_the_one_program() -> None:
    assert COMMANDS.status() == Command((*CONTROL, "status", "svc-shop"), quiet=True)
    assert COMMANDS.stop() == Command((*CONTROL, "stop", "svc-shop"))
    assert COMMANDS.start() == Command((*CONTROL, "start", "svc-shop"))


def test_an_environment_is_made_by_the_python_of_the_profile_and_filled_as_the_machine_is_configured() -> None:
    made = UV.make_environment("/usr/bin/python3.12", Path("/e/3"))
    assert made == Command((*PLAIN, "venv", "--no-project", "--python", "/usr/bin/python3.12", "/e/3"), env=UV.env)
    assert UV.install("requirements.txt", Path("/e/3"), Path("/srv/shop"), hashed=False) == Command(
        (*PLAIN, "pip", "install", "--python", "/e/3", "--requirement=requirements.txt"),
        cwd=Path("/srv/shop"),
        env=UV.env,
    )
    assert "--require-hashes" in UV.install("requirements.txt", Path("/e/3"), Path("/srv/shop"), hashed=True).argv


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
    assert UV.install(what, Path("/e/3"), Path("/srv/shop"), hashed=False).argv[-1] == target


def test_files_are_changed_by_commands_too() -> None:
    assert COMMANDS.copy_sources(Path("/e/sources")).argv == (
        "/mm/bin/python", "-m", "moonmind.utils.copy_sources", "/srv/shop", "/e/sources",
    )  # fmt: skip
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


def test_uv_is_set_up_as_pip_is() -> None:
    pip = {
        "index-url": "https://user:word@index.example/simple",
        "extra-index-url": "https://a.example/simple\nhttps://b.example/simple",
        "find-links": "/wheels ./more",
        "cert": "/etc/ca.pem",
        "proxy": "http://proxy.example:3128",
        "trusted-host": "a.example b.example:8080",
        "timeout": "60",
    }
    assert uv_environment(pip, {"HOME": "/home/m", "SECRET": "x"}) == {
        "UV_DEFAULT_INDEX": "https://user:word@index.example/simple",
        "UV_INDEX": "https://a.example/simple https://b.example/simple",
        "UV_FIND_LINKS": "/wheels,./more",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "SSL_CERT_FILE": "/etc/ca.pem",
        "ALL_PROXY": "http://proxy.example:3128",
        "HTTP_PROXY": "http://proxy.example:3128",
        "HTTPS_PROXY": "http://proxy.example:3128",
        "UV_INSECURE_HOST": "a.example b.example:8080",
        "UV_HTTP_TIMEOUT": "60",
        "UV_HTTP_RETRIES": "1",
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
    }


def test_a_machine_that_configures_uv_itself_means_that() -> None:
    machine = {"UV_INDEX_URL": "https://own.example/simple", "UV_HTTP_TIMEOUT": "5", "UV_PUBLISH_TOKEN": "secret"}
    env = uv_environment({"index-url": "https://index.example/simple", "timeout": "60"}, machine)
    assert env["UV_INDEX_URL"] == "https://own.example/simple"
    assert env["UV_HTTP_TIMEOUT"] == "5"
    assert "UV_DEFAULT_INDEX" not in env
    assert "UV_PUBLISH_TOKEN" not in env


def test_what_pip_neither_keeps_nor_tries_again_uv_does_not_either() -> None:
    assert uv_environment({"no-cache-dir": "1", "retries": "0"}, {})["UV_NO_CACHE"] == "1"
    assert uv_environment({"no-cache-dir": "1", "retries": "0"}, {})["UV_HTTP_RETRIES"] == "0"
    assert "UV_NO_CACHE" not in uv_environment({"no-cache-dir": "false"}, {})


def test_the_systems_certificates_count_unless_others_are_named() -> None:
    assert uv_environment({}, {})["UV_SYSTEM_CERTS"] == "1"
    assert "UV_SYSTEM_CERTS" not in uv_environment({"cert": "/c.pem"}, {})
    assert "SSL_CERT_FILE" not in uv_environment({"cert": "/c.pem"}, {"SSL_CERT_FILE": "/other.pem"})


def test_a_lock_is_made_with_the_indexes_that_it_names() -> None:
    command = UV.lock(Path("/copy"), ["https://main.example/simple", "https://b.example/simple"])
    assert command.env == {"UV_DEFAULT_INDEX": "https://main.example/simple", "UV_INDEX": "https://b.example/simple"}
    assert UV.lock(Path("/copy"), []).env == {}
