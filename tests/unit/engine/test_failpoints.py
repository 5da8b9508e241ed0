"""Failpoints, in a process of their own, which they break."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from moonmind.engine.failpoints import FailpointError, hit
for name in sys.argv[1:]:
    try:
        hit(name)
        print("passed", name, flush=True)
    except (FailpointError, ValueError) as error:
        print(type(error).__name__, error, flush=True)
"""


def start(trace: Path, armed: str, *names: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        (sys.executable, "-c", PROGRAM, *names), stdout=subprocess.PIPE, text=True,
        env={**os.environ, "MOONMIND_FAILPOINT": armed, "MOONMIND_FAILPOINT_TRACE": str(trace)},
    )  # fmt: skip


def said(process: subprocess.Popen[str]) -> list[str]:
    out, _ = process.communicate(timeout=30)
    return out.splitlines()


def test_what_is_not_armed_does_nothing_and_leaves_no_trace(tmp_path: Path) -> None:
    assert said(start(tmp_path / "trace", "", "a", "b")) == ["passed a", "passed b"]
    assert said(start(tmp_path / "trace", "c:kill", "a", "b")) == ["passed a", "passed b"]
    assert not (tmp_path / "trace").exists()


def test_the_trace_is_written_before_the_process_dies(tmp_path: Path) -> None:
    process = start(tmp_path / "trace", "b:kill", "a", "b", "a")
    assert said(process) == ["passed a"]
    assert process.returncode == -signal.SIGKILL
    assert (tmp_path / "trace").read_text() == f"b kill {process.pid}\n"


def test_only_the_hit_of_that_number_breaks(tmp_path: Path) -> None:
    process = start(tmp_path / "trace", "a#2:raise", "a", "b", "a", "a")
    assert said(process) == ["passed a", "passed b", "FailpointError a", "passed a"]
    assert (tmp_path / "trace").read_text() == f"a raise {process.pid}\n"


def test_a_stopped_process_goes_on_when_it_is_continued(tmp_path: Path) -> None:
    process = start(tmp_path / "trace", "a:stop", "a")
    assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
    process.send_signal(signal.SIGCONT)
    assert said(process) == ["passed a"]


def test_a_hanging_process_stays(tmp_path: Path) -> None:
    process = start(tmp_path / "trace", "b:hang", "a", "b")
    assert process.stdout
    assert process.stdout.readline() == "passed a\n"
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.2)
    process.kill()
    assert said(process) == []


@pytest.mark.parametrize("armed", ["a:explode", "a#x:kill"])
def test_an_action_or_number_that_is_none_is_said(tmp_path: Path, armed: str) -> None:
    assert said(start(tmp_path / "trace", armed, "a"))[0].startswith("ValueError")
