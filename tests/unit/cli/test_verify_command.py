"""`moonmind runs verify`: with a file and a key, and with nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from moonmind.cli.main import main
from tests.fakes.keys import HOUSE_KEY, OTHER_KEY
from tests.unit.evidence.bundles import Case

WHOLE = Case().bundle()
SERVER_SIDE = ("sqlalchemy", "psycopg", "fastapi", "celery", "httpx", "alembic", "api_service", "moonmind.workflows")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOONMIND_HOME", str(tmp_path))
    (tmp_path / "a.tar").write_bytes(WHOLE)
    (tmp_path / "house.pub").write_text(HOUSE_KEY.public.pem)
    (tmp_path / "other.pub").write_text(OTHER_KEY.public.pem)
    return tmp_path


def verify(home: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["runs", "verify", str(home / "a.tar"), *words])


def test_this_homes_key_is_trusted_without_a_word(home: Path) -> None:
    (home / "var").mkdir()
    (home / "var" / "evidence.pub").write_text(HOUSE_KEY.public.pem)
    done = verify(home)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == f"{home / 'a.tar'}: all is right"
    for seen in ("exported by vic", "8 events", "event 8, signed by key", "2 of 3 files", "1 that stand"):
        assert seen in done.stdout


def test_without_any_key_it_says_where_to_get_one(home: Path) -> None:
    done = verify(home)
    assert done.exit_code == 2
    assert "moonmind evidence-key" in done.stderr
    assert "GET /orchestrator/evidence-key" in done.stderr


def test_a_key_is_a_file_or_a_fingerprint_and_there_may_be_several(home: Path) -> None:
    assert verify(home, "--key", str(home / "house.pub")).exit_code == 0
    assert verify(home, "--key", HOUSE_KEY.key_id.upper()).exit_code == 0
    assert verify(home, "--key", OTHER_KEY.key_id, "--key", HOUSE_KEY.key_id).exit_code == 0


def test_another_key_is_named(home: Path) -> None:
    for key in (str(home / "other.pub"), OTHER_KEY.key_id):
        done = verify(home, "--key", key)
        assert done.exit_code == 1
        assert f"signed by another key, {HOUSE_KEY.key_id}" in done.stdout
        assert "do not rely on it" in done.stdout


@pytest.mark.parametrize("key", ["abc", "0" * 63, "a.tar"])
def test_what_is_no_key_is_a_wrong_use(home: Path, key: str) -> None:
    done = verify(home, "--key", str(home / key) if "." in key else key)
    assert done.exit_code == 2
    assert f"--key {home / key if '.' in key else key}: " in done.stderr


def test_programs_get_one_json_value(home: Path) -> None:
    (home / "a.tar").write_bytes(WHOLE.replace(b'"decision":"approve"', b'"decision":"reject!"'))
    done = verify(home, "--key", HOUSE_KEY.key_id, "--json")
    said = json.loads(done.stdout)
    assert (done.exit_code, said["ok"], said["key_id"]) == (1, False, HOUSE_KEY.key_id)
    assert "approvals.jsonl was changed" in said["findings"]
    assert {check["check"] for check in said["checks"] if not check["ok"]} == {"parts", "approvals"}


def test_text_of_others_draws_nothing_on_the_terminal(home: Path) -> None:
    case = Case()
    case.approvals[0]["approver"] = "\x1b[2Jann"
    (home / "a.tar").write_bytes(case.bundle())
    done = verify(home, "--key", HOUSE_KEY.key_id)
    assert (done.exit_code, "[2Jann (approver) is here" in done.stdout) == (1, True)
    assert "\x1b" not in done.stdout


def test_nothing_of_a_server_is_imported(home: Path) -> None:
    program = (
        "import sys\nfrom moonmind.cli.main import main\n"
        f"main(['runs', 'verify', {str(home / 'a.tar')!r}, '--key', {HOUSE_KEY.key_id!r}], standalone_mode=False)"
    )
    watched = f"import atexit, sys\natexit.register(lambda: print(*[m for m in {SERVER_SIDE} if m in sys.modules]))\n"
    done = subprocess.run([sys.executable, "-c", watched + program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == ""
