"""What supervisord is told."""

import configparser
import shlex
import signal
from pathlib import Path

from moonmind.embedded.programs import Program
from moonmind.embedded.supervisor import render

FOLDER = Path("/home/a % b ;c/var/supervisor")
PROGRAM = Program(
    "api", ("python", "-c", "a b"), Path("/w"), {"KEY": "se%cret"}, Path("/home/a % b ;c/var/log/api.log"), 30,
    stop_signal=signal.SIGINT, stop_seconds=7,
)  # fmt: skip


def rendered() -> configparser.ConfigParser:
    config = configparser.ConfigParser(inline_comment_prefixes=(";", "#"))  # as supervisor reads it
    config.read_string(render([PROGRAM], FOLDER, Path("/tmp/x/s.sock")))
    return config


def test_a_home_with_any_characters_is_no_matter() -> None:
    assert "a % b" not in render([PROGRAM], FOLDER, Path("/tmp/x/s.sock")).replace("%%", "%").split("[program")[0]
    assert rendered()["program:api"]["stdout_logfile"] == "../log/api.log"


def test_a_program_is_started_by_the_launcher_so_that_nothing_of_it_shows_here() -> None:
    section = rendered()["program:api"]
    assert shlex.split(section["command"])[1:] == ["-m", "moonmind.embedded.launch", "api.json"]
    assert "cret" not in "".join(section.values())


def test_stopping_is_as_the_program_wants_it() -> None:
    section = rendered()["program:api"]
    wanted = {"stopsignal": "INT", "stopwaitsecs": "7", "priority": "30", "autostart": "false", "stopasgroup": "false"}
    assert {key: section[key] for key in wanted} == wanted


def test_the_socket_is_only_ours() -> None:
    assert rendered()["unix_http_server"]["chmod"] == "0700"
    assert rendered()["supervisorctl"]["serverurl"] == "unix:///tmp/x/s.sock"
