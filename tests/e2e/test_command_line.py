"""The installed command, on its own: help, versions, and what it says when something is wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MOONMIND = Path(sys.executable).with_name("moonmind")


def moonmind(home: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MOONMIND_")}
    environment |= {"MOONMIND_HOME": str(home), **env}
    return subprocess.run([MOONMIND, *args], capture_output=True, text=True, env=environment, timeout=60, check=False)


@pytest.mark.parametrize(
    "command",
    [
        *((), ("up",), ("down",), ("demo",), ("services",), ("runs",), ("keys",), ("gates",), ("analyze",)),
        *(("runs", name) for name in ("create", "approve", "reject", "revoke", "retry", "diff", "token")),
        *(("gates", name) for name in ("list", "set")),
    ],
)
def test_every_command_explains_itself(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = moonmind(tmp_path, *command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: moonmind" in done.stdout


def test_unusable_settings_are_named_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[api]\nprot = 1\n")
    done = moonmind(tmp_path, "services")
    assert (done.returncode, done.stdout) == (2, "")
    assert "api.prot: unknown key" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_api_that_does_not_answer_is_exit_3_with_what_to_do(tmp_path: Path) -> None:
    done = moonmind(tmp_path, "runs", "list", MOONMIND_API_URL="http://127.0.0.1:1", MOONMIND_API_KEY="mm_x")
    assert (done.returncode, done.stdout) == (3, "")
    assert "moonmind up" in done.stderr


def test_an_error_is_data_too_for_whoever_asked_for_json(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    away = moonmind(tmp_path, "runs", "list", "--json", MOONMIND_API_URL="http://127.0.0.1:1", MOONMIND_API_KEY="mm_x")
    assert (away.returncode, json.loads(away.stdout)["error"]) == (3, "not_reachable")
    assert "moonmind up" in json.loads(away.stdout)["detail"]
    assert "moonmind up" in away.stderr
    misspelt = moonmind(tmp_path, "runs", "list", "--jsno", "--json")
    assert (misspelt.returncode, json.loads(misspelt.stdout)["error"]) == (2, "usage")
    assert json.loads(moonmind(tmp_path, "services", "--json").stdout)["error"] == "refused"


def test_a_missing_key_is_told_with_the_file_it_would_be_in(tmp_path: Path) -> None:
    done = moonmind(tmp_path, "runs", "list", MOONMIND_API_URL="http://127.0.0.1:1")
    assert done.returncode == 2
    assert str(tmp_path / "var" / "admin.key") in done.stderr


def test_a_key_with_stray_characters_is_refused_and_not_shown(tmp_path: Path) -> None:
    for key in ("mm_مفتاح", "mm_secret\nX: y"):
        done = moonmind(tmp_path, "services", MOONMIND_API_URL="http://127.0.0.1:1", MOONMIND_API_KEY=key)
        assert (done.returncode, done.stdout) == (2, "")
        assert "the key is not usable" in done.stderr
        assert "secret" not in done.stderr
