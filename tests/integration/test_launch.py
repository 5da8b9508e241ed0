"""The launcher as a real process."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from moonmind.embedded.launch import Spec

SHOW = "import os, sys; print(os.getcwd(), sys.argv[1:], sorted(os.environ.items()))"


def spec(tmp_path: Path, **more: object) -> Path:
    basic = Spec(
        argv=[sys.executable, "-c", SHOW, "a b", "%s;"], cwd=str(tmp_path), env={"KEY": "va'l\"ue\n%"},
        bin=None, parent=None, end_with_parent=None,
    )  # fmt: skip
    file = tmp_path / "spec.json"
    file.write_text(json.dumps({**basic, **more}))
    return file


def launch(file: Path) -> subprocess.CompletedProcess[str]:
    argv = (sys.executable, "-m", "moonmind.embedded.launch", str(file))
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_arguments_and_environment_arrive_as_they_are_and_nothing_else(tmp_path: Path) -> None:
    said = launch(spec(tmp_path)).stdout
    assert said.startswith(f"{tmp_path} ['a b', '%s;'] ")
    assert r"""('KEY', 'va\'l"ue\n%')""" in said
    assert "PATH" not in said


def test_an_environments_programs_come_first_and_its_link_is_resolved(tmp_path: Path) -> None:
    (tmp_path / "venvs" / "1").mkdir(parents=True)
    (tmp_path / "current").symlink_to("venvs/1")
    said = launch(spec(tmp_path, bin=str(tmp_path / "current"), env={"PATH": "/usr/bin"})).stdout
    assert f"('PATH', '{tmp_path}/venvs/1/bin:/usr/bin')" in said
    assert f"('VIRTUAL_ENV', '{tmp_path}/venvs/1')" in said


def test_what_cannot_be_started_is_said_in_one_line(tmp_path: Path) -> None:
    done = launch(spec(tmp_path, argv=["no-such-program"]))
    assert (done.returncode, done.stderr) == (
        1, f"cannot start no-such-program in {tmp_path}: No such file or directory\n",
    )  # fmt: skip
    assert "it has not been built" in launch(spec(tmp_path, bin=str(tmp_path / "none"))).stderr


def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    file = spec(
        tmp_path, argv=[sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"],
        end_with_parent=int(signal.SIGTERM),
    )  # fmt: skip
    source = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-m', 'moonmind.embedded.launch', sys.argv[1]],"
        " stdout=subprocess.PIPE)\n"
        "child.stdout.readline(); print(child.pid, flush=True); child.wait()"
    )
    with subprocess.Popen((sys.executable, "-c", source, str(file)), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        os.kill(parent.pid, signal.SIGKILL)
    assert psutil.wait_procs([child], timeout=10)[1] == [] or child.status() == psutil.STATUS_ZOMBIE
