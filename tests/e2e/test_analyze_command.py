"""The installed `moonmind analyze` on folders and logs, as a person or a program calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MOONMIND = str(Path(sys.executable).with_name("moonmind"))
LOG = """\
Traceback (most recent call last):
  File "/app/app.py", line 1, in <module>
    import yaml
ModuleNotFoundError: No module named 'yaml'
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A service's folder in a home of its own, with a profile that allows little."""
    (tmp_path / "shop" / "deploy").mkdir(parents=True)
    (tmp_path / "shop" / "app.py").write_text("import yaml\n")
    (tmp_path / "shop" / "requirements.txt").write_text("flask==3.0.0\n")
    (tmp_path / "shop" / "deploy" / "prod.txt").write_text("flask\n")
    (tmp_path / "service.log").write_text(LOG)
    (tmp_path / "config.toml").write_text(
        '[services.shop]\nruntime = "process"\nworkspace = "shop"\nallow = ["deploy/prod.txt"]\n'
        '[services.shop.process]\ncommand = ["python", "app.py"]\ninstall = "deploy/prod.txt"\n'
        'health = [{ http = "http://127.0.0.1:{port}/health" }]\n'
    )
    return tmp_path / "shop"


def run(*arguments: str, cwd: Path, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MOONMIND_")}
    return subprocess.run(
        [MOONMIND, "analyze", *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**kept, **environment},
    )


def decided(*arguments: str, cwd: Path, stdin: str = "") -> dict[str, Any]:
    done = run("--json", *arguments, cwd=cwd, stdin=stdin)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {str(file): (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.rglob("*") if file.is_file()}


def test_an_edit_is_printed_as_one_json_object_and_nothing_is_changed(shop: Path) -> None:
    before = snapshot(shop.parent)
    answer = decided("--workspace", str(shop), "--log", "service.log", cwd=shop.parent)
    assert snapshot(shop.parent) == before
    assert list(answer) == ["decision", "findings", "edits", "diff"]
    assert answer["decision"] == "edit"
    (finding,) = answer["findings"]
    assert list(finding) == ["kind", "summary", "evidence"]
    assert finding["evidence"][-1] == {"source": "service.log", "line": 4, "text": LOG.splitlines()[-1]}
    (edit,) = answer["edits"]
    assert list(edit) == ["kind", "file", "name", "version", "reason"]
    assert (edit["kind"], edit["file"], edit["name"]) == ("requirement_add", "requirements.txt", "pyyaml")
    assert edit["version"].startswith("==")
    assert answer["diff"].startswith("--- a/requirements.txt\n+++ b/requirements.txt\n")
    assert f"+pyyaml{edit['version']}\n" in answer["diff"]


def test_the_profile_of_a_service_gives_allow_list_and_manifest(shop: Path) -> None:
    answer = decided("--workspace", "shop", "--log", "service.log", "--service", "shop", cwd=shop.parent)
    (edit,) = answer["edits"]
    assert (edit["file"], edit["version"]) == ("deploy/prod.txt", None)


def test_stdin_and_several_logs_are_read_from_the_oldest_to_the_newest(shop: Path) -> None:
    newer = LOG.replace("yaml", "app_of_nobody")
    answer = decided("--workspace", "shop", "--log", "service.log", "--log", "-", cwd=shop.parent, stdin=newer)
    assert answer["decision"] == "explain"
    assert (answer["edits"], answer["diff"]) == ([], None)
    assert "app_of_nobody" in answer["findings"][0]["summary"]
    assert answer["findings"][0]["evidence"][0]["source"] == "stdin"


def test_a_log_without_a_known_failure_decides_none(shop: Path) -> None:
    answer = decided("--workspace", "shop", "--log", "-", cwd=shop.parent, stdin="all is well\n")
    assert answer == {"decision": "none", "findings": [], "edits": [], "diff": None}


def test_of_a_huge_log_the_end_counts(shop: Path) -> None:
    noise = "2024-05-01 INFO request served\n" * 200_000
    assert decided("--workspace", "shop", "--log", "-", cwd=shop.parent, stdin=noise + LOG)["decision"] == "edit"
    assert decided("--workspace", "shop", "--log", "-", cwd=shop.parent, stdin=LOG + noise)["decision"] == "none"


def test_bytes_that_are_no_text_are_read_all_the_same(shop: Path) -> None:
    (shop.parent / "raw.log").write_bytes(b"\xff\xfe\x00\n" + LOG.encode())
    assert decided("--workspace", "shop", "--log", "raw.log", cwd=shop.parent)["decision"] == "edit"


def test_for_people_the_diff_goes_to_stdout_and_the_words_to_stderr(shop: Path) -> None:
    done = run("--workspace", "shop", "--log", "service.log", cwd=shop.parent)
    assert done.returncode == 0
    assert done.stdout.startswith("--- a/requirements.txt\n")
    assert "decision: edit" in done.stderr
    assert "ModuleNotFoundError: No module named 'yaml'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--workspace", "shop"), "--log"),
        (("--workspace", "nowhere", "--log", "service.log"), "nowhere"),
        (("--workspace", "shop", "--log", "nothing.log"), "nothing.log"),
        (("--workspace", "shop", "--log", "service.log", "--service", "shp"), "known: shop"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(shop: Path, arguments: tuple[str, ...], message: str) -> None:
    done = run(*arguments, cwd=shop.parent)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr


def test_an_index_that_is_not_reachable_ends_with_3(shop: Path) -> None:
    unreachable = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": "/dev/null"}
    unreachable |= {"PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": ""}
    done = run("--json", "--workspace", "shop", "--log", "service.log", cwd=shop.parent, **unreachable)
    assert done.returncode == 3
    assert done.stdout == ""
    assert "the package index did not answer" in done.stderr
