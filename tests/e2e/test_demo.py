"""The README's first command, as installed: it breaks a service and one instruction over HTTP repairs it."""

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.embedded_home import ROOT, EmbeddedHome, kill

KEYS = ["run_id", "status", "service", "seconds", "url", "artifacts"]
FILES = {"plan.json", "analyze.log", "patch.diff", "build.log", "restart.log", "verify.log", "metrics.json"}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[EmbeddedHome]:
    home = EmbeddedHome(tmp_path / "home")
    yield home
    home.run("down")
    assert home.processes() == []


def check(done: subprocess.CompletedProcess[str], home: EmbeddedHome, package: str) -> dict[str, str]:
    """The command succeeded, said so in one line, and `package` was added by a run whose files are all there."""
    assert done.returncode == 0, done.stderr
    result: dict[str, str] = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert list(result) == KEYS
    assert (result["status"], result["service"]) == ("succeeded", "shop")
    artifacts = Path(result["artifacts"])
    assert artifacts == home.folder / "var/artifacts/spec_workflows" / result["run_id"]
    assert {path.name for path in artifacts.iterdir()} >= FILES
    added = [line for line in (artifacts / "patch.diff").read_text().splitlines() if line.startswith("+")][1:]
    assert [line.lower().startswith(f"+{package}") for line in added] == [True]
    assert "ModuleNotFoundError: No module named" in done.stderr
    for step in ("analyze", "patch", "build", "restart", "verify"):
        assert f"{step:8} succeeded" in done.stderr
    return result


def test_every_package_is_repaired_also_over_a_kept_demo_and_after_kill_9_of_everything(home: EmbeddedHome) -> None:
    kept = check(home.run("demo", "--keep"), home, "python-dateutil")
    with urllib.request.urlopen(kept["url"]) as answer:
        assert answer.status == 200
    assert json.loads(home.run("runs", "show", kept["run_id"], "--json").stdout)["status"] == "succeeded"

    second = home.run("demo", "--keep", "--remove", "PyYAML")
    check(second, home, "pyyaml")
    assert "stopping the stack that is up" in second.stderr

    home.kill_everything()
    check(home.run("demo", "--remove", "humanize"), home, "humanize")
    assert home.processes() == []

    check(home.run("demo", "--remove", "Flask"), home, "flask")
    assert home.processes() == []


def test_a_demo_killed_in_the_middle_of_its_run_does_not_spoil_the_next(home: EmbeddedHome) -> None:
    home.env = {"MOONMIND_ORCHESTRATOR__LEASE_SECONDS": "3", "MOONMIND_ORCHESTRATOR__REAPER_SECONDS": "0.5"}
    with home.start("demo", MOONMIND_FAILPOINT="build.before:hang") as first:
        assert first.stderr
        while "build    in_progress" not in first.stderr.readline():
            assert first.poll() is None
        first.kill()
        kill(home.processes())
    second = home.run("demo")
    check(second, home, "python-dateutil")
    assert "a run that was interrupted" in second.stderr
    assert home.processes() == []


def test_a_manifest_that_lacks_a_package_already_is_what_gets_repaired(home: EmbeddedHome) -> None:
    source = home.folder / "services" / "shop"
    shutil.copytree(ROOT / "services" / "shop", source)
    manifest = source / "requirements.txt"
    lines = manifest.read_text().splitlines(keepends=True)
    broken = "".join(line for line in lines if not line.startswith("humanize"))
    manifest.write_text(broken)
    done = home.run("demo")
    check(done, home, "humanize")
    assert "taking" not in done.stderr
    assert manifest.read_text() == broken, "the clone stays as it is"


def test_a_package_that_the_service_does_not_need_is_refused_before_anything_starts(home: EmbeddedHome) -> None:
    began = time.monotonic()
    done = home.run("demo", "--remove", "numpy")
    assert (done.returncode, done.stdout) == (2, "")
    assert "the service needs flask, python-dateutil, PyYAML, humanize; not numpy" in done.stderr
    assert time.monotonic() - began < 30
    assert home.processes() == []


def test_a_stack_that_is_up_for_work_is_not_taken_down(home: EmbeddedHome) -> None:
    home.put_plain_shop()
    assert home.run("up", "--detach").returncode == 0
    done = home.run("demo")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Stop it first: `moonmind down`" in done.stderr
    assert home.run("services").returncode == 0, "it is still up"


def test_a_home_without_the_service_is_told_what_is_missing(home: EmbeddedHome) -> None:
    (home.folder / "config.toml").write_text("[api]\nport = 8000\n")
    done = home.run("demo")
    assert done.returncode == 1
    assert "the demo needs the table [services.shop.process]" in done.stderr
