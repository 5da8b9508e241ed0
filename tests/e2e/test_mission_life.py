"""The walk in `docs/SpecKitAutomation.md`, exactly as it is written there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "SpecKitAutomation.md"
COMMANDS = Path(sys.executable).parent


def _blocks(kind: str) -> str:
    """Those of the section, which is the document's last, one after the other."""
    section = DOCUMENT.read_text().partition("\n## The life of a mission\n")[2]
    return "\n".join(re.findall(rf"^```{kind}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))


def _environment(home: Path) -> dict[str, str]:
    return {
        "PATH": f"{COMMANDS}:{os.environ['PATH']}",
        "PYTHONPATH": str(DOCUMENT.parents[1]),
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "LC_ALL": "C.UTF-8",
    }


def _run(words: list[str], folder: Path, home: Path) -> str:
    done = subprocess.run(words, cwd=folder, env=_environment(home), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_stranger_can_walk_a_package_from_nothing_to_done(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    said = _run(["bash", "-euc", _blocks("sh")], work, tmp_path)
    assert said.endswith(_blocks("text"))
    repository = work / "night-shift"
    board = json.loads(_run([str(COMMANDS / "moonmind"), "tasks", "status", "--json"], repository, tmp_path))
    assert {one["id"]: one["lane"] for one in board["work_packages"]} == {"WP01": "done", "WP02": "planned"}
    assert board["dependency_readiness"]["WP02"] == {"ready": True, "waiting_for": []}
    assert board["stale_verdicts"] == []
    assert _lanes(repository) == [
        *("claimed", "in_progress", "in_progress", "for_review", "in_review", "planned"),
        *("claimed", "in_progress", "for_review", "in_review", "approved", "done"),
    ]
    assert _run(["git", "status", "--short"], repository, tmp_path) == ""


def _lanes(repository: Path) -> list[str]:
    """To which the log says that it went, in order; where the subtasks were told, it stayed."""
    log = repository / "specs" / "001-night-shift" / "status.events.jsonl"
    return [json.loads(line)["to_lane"] for line in log.read_text().splitlines()]
