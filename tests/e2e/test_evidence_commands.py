"""Evidence with the installed command: downloaded from a real API, verified without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.support.front import make_keys, serving, settings_of
from tests.support.house import House

MOONMIND = Path(sys.executable).with_name("moonmind")


def moonmind(cwd: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MOONMIND_")}
    done = subprocess.run(
        [MOONMIND, *words], cwd=cwd, env={**clean, **environment}, capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def house(tmp_path: Path, database: Engine) -> House:
    home = tmp_path / "home"
    home.mkdir()
    return House(home, database)


@pytest.fixture
def reachable(house: House, database_url: str) -> Iterator[dict[str, str]]:
    """What a viewer's command needs to find the API."""
    with serving(settings_of(house, database_url)) as url:
        yield {"MOONMIND_API_URL": url, "MOONMIND_API_KEY": make_keys(house)["vic"], "MOONMIND_HOME": str(house.home)}


def test_evidence_is_downloaded_here_and_verified_elsewhere(
    house: House, reachable: dict[str, str], tmp_path: Path
) -> None:
    run = str(house.submit())
    house.deliver()
    saved = moonmind(tmp_path, "runs", "evidence", run[:8], **reachable)
    assert saved.stdout == f"run-{run}.evidence.tar\n", saved.stderr
    assert (tmp_path / f"run-{run}.evidence.tar").stat().st_mode & 0o777 == 0o600
    again = moonmind(tmp_path, "runs", "evidence", run, **reachable)
    assert (again.returncode, again.stdout) == (2, "")
    assert "is there already" in again.stderr
    missing = moonmind(tmp_path, "runs", "evidence", run, "-o", "no/such/place", **reachable)
    assert (missing.returncode, "cannot be written" in missing.stderr) == (2, True)
    fingerprint = moonmind(tmp_path, "evidence-key", **reachable).stdout.strip()
    (tmp_path / "theirs.pub").write_text(moonmind(tmp_path, "evidence-key", "--pem", **reachable).stdout)
    assert json.loads(moonmind(tmp_path, "evidence-key", "--json", **reachable).stdout)["key_id"] == fingerprint
    for key in (fingerprint, "theirs.pub"):
        verified = moonmind(
            tmp_path, "runs", "verify", saved.stdout.strip(), "--key", key, MOONMIND_HOME="/nonexistent"
        )
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert "all is right" in verified.stdout
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []
