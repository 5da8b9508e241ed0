"""Watching runs with the installed command, over a real API; the worker is the test."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine

from moonmind.workflows.orchestrator.ports import Command, Execute
from tests.faults.relay import Relay
from tests.support.front import make_keys, serving, settings_of
from tests.support.house import STEPS, House

MOONMIND = Path(sys.executable).with_name("moonmind")


class Watch:
    """A shop, its API behind a relay, a run whose build stops in the middle until it is let go on."""

    def __init__(self, house: House, url: str) -> None:
        self.house, self.keys = house, make_keys(house)
        self.relay = Relay(None, ("127.0.0.1", int(url.rpartition(":")[2])))
        self.goes_on = threading.Event()
        self._build, house.runtime.build = house.runtime.build, self._slowly  # type: ignore[method-assign]
        self.run = house.submit()

    def _slowly(self, execute: Execute) -> None:
        execute(Command(("/usr/bin/printf", r"\033[31mred\033[0m\thalf-way\n")))
        assert self.goes_on.wait(60)
        execute(Command(("/usr/bin/printf", r"the rest\n")))
        self._build(execute)

    def work(self) -> threading.Thread:
        worker = threading.Thread(target=self.house.deliver)
        worker.start()
        return worker

    def finish(self) -> None:
        self.goes_on.set()
        self.house.deliver()

    def start(self, *words: str, **files: Any) -> subprocess.Popen[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MOONMIND_")}
        environment = {**clean, "MOONMIND_API_URL": f"http://127.0.0.1:{self.relay.port}", "TERM": "xterm-256color"}
        environment |= {"MOONMIND_API_KEY": self.keys["vic"], "MOONMIND_HOME": str(self.house.home)}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **files}
        return subprocess.Popen([MOONMIND, "runs", "watch", *words], env=environment, text=True, **pipes)

    def watch(self, *words: str) -> subprocess.CompletedProcess[str]:
        with self.start(*words) as process:
            out, err = process.communicate(timeout=60)
        assert "Traceback" not in err
        return subprocess.CompletedProcess(words, process.returncode, out, err)


@pytest.fixture
def here(tmp_path: Path, database: Engine, database_url: str) -> Iterator[Watch]:
    house = House(tmp_path, database)
    with serving(settings_of(house, database_url)) as url:
        watch = Watch(house, url)
        yield watch
        watch.goes_on.set()
        watch.relay.close()


def read_until(wanted: str, read: Callable[[], str]) -> str:
    said = ""
    while wanted not in said:
        more = read()
        assert more, said
        said += more
    return said


def test_on_a_pipe_it_prints_a_line_for_each_event_and_ends_as_the_run_did(here: Watch) -> None:
    here.finish()
    done = here.watch(str(here.run)[:8])
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "· run created by kim: fix the missing dependency"
    begun = next(index for index, line in enumerate(lines) if line.startswith("● build"))
    assert lines[begun + 2] == "build    |  [31mred [0m half-way"
    assert [line.split()[1] for line in lines if line.startswith("✔")] == STEPS
    assert done.stderr.startswith("succeeded after ")


def test_as_json_each_line_is_an_event_and_since_gives_what_comes_after_one(here: Watch) -> None:
    here.finish()
    whole = here.watch(str(here.run), "--json")
    events = [json.loads(line) for line in whole.stdout.splitlines()]
    assert (whole.returncode, whole.stderr) == (0, "")
    assert events[0]["data"]["kind"] == "run_created"
    assert events[-1] == {"id": events[-1]["id"], "event": "end", "data": {"status": "succeeded"}}
    rest = here.watch(str(here.run), "--json", "--since", events[6]["id"])
    assert rest.stdout.splitlines() == whole.stdout.splitlines()[7:]
    after = here.watch(str(here.run), "--json", "--since", events[-1]["id"])
    assert (after.returncode, after.stdout) == (0, "")


def test_what_cannot_be_followed_is_said_with_what_to_do(here: Watch) -> None:
    wrong = here.watch(str(here.run), "--since", "99.-.0")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "Leave --since out" in wrong.stderr
    odd = here.watch(str(here.run), "--since", "ü")
    assert (odd.returncode, "12.build.4096" in odd.stderr) == (2, True)
    here.relay.set("cut")
    away = here.watch(str(here.run))
    assert (away.returncode, "moonmind up" in away.stderr) == (3, True)


def test_a_lost_connection_is_taken_up_where_it_was_cut(here: Watch) -> None:
    worker = here.work()
    with here.start(str(here.run), "--json") as process:
        assert process.stdout
        assert process.stderr
        said = read_until('half-way"', process.stdout.readline)
        here.relay.set("cut")
        assert process.stderr.readline() == "connection lost, resuming\n"
        here.relay.set("pass")
        here.goes_on.set()
        out, err = process.communicate(timeout=60)
    worker.join(60)
    assert (process.returncode, err) == (0, "")
    assert said + out == here.watch(str(here.run), "--json").stdout


def test_a_run_that_fails_is_an_exit_of_one(here: Watch) -> None:
    here.house.runtime.works = lambda text: False
    here.finish()
    done = here.watch(str(here.run))
    assert done.returncode == 1
    assert "✔ rollback" in done.stdout
    assert done.stderr.startswith("rolled_back after ")


def test_ctrl_c_leaves_the_run_and_says_how_to_take_it_up_again(here: Watch) -> None:
    worker = here.work()
    with here.start(str(here.run)) as process:
        assert process.stdout
        read_until("[0m half-way", process.stdout.readline)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    again = re.fullmatch(rf"left; the run goes on: moonmind runs watch {str(here.run)[:8]} --since (\S+)\n", err)
    assert again
    here.goes_on.set()
    worker.join(60)
    rest = here.watch(str(here.run), "--since", again[1])
    assert "build    | the rest" in rest.stdout.splitlines()[:3]


def test_on_a_terminal_the_steps_stand_below_the_lines(here: Watch) -> None:
    worker = here.work()
    mine, theirs = os.openpty()
    with here.start(str(here.run), stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = read_until("[0m half-way", lambda: os.read(mine, 4096).decode(errors="replace"))
        shown += read_until("verify", lambda: os.read(mine, 4096).decode(errors="replace"))
        here.goes_on.set()
        shown += read_until("succeeded", lambda: os.read(mine, 4096).decode(errors="replace"))
        process.wait(60)
    os.close(mine)
    worker.join(60)
    assert process.returncode == 0
    assert re.search(r"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]\S* +build", shown)
    assert "\x1b[31mred" not in shown
    assert here.house.detail(UUID(str(here.run)))["status"] == "succeeded"
