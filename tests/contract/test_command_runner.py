"""What a command runner must do, shown with real processes."""

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from moonmind.workflows.orchestrator.command_runner import SubprocessRunner, child_environment
from moonmind.workflows.orchestrator.ports import Command, StepFailedError


class Log:
    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


def runs(pid: int) -> bool:
    """Whether there is such a process; a zombie that init has not reaped yet has ended."""
    return pid in psutil.pids() and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def run(source: str, *args: str, timeout: float = 20, quiet: bool = False, **extra: object):
    log = Log()
    runner = SubprocessRunner({"PATH": os.environ["PATH"], "MOONMIND_DATABASE__URL": "secret"})
    command = Command((sys.executable, "-c", source, *args), quiet=quiet)
    return runner.run(command, log=log, timeout=timeout, **extra), log


def test_output_and_exit_code_reach_the_caller_and_the_log() -> None:
    result, log = run("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (result.exit_code, result.ok, result.timed_out) == (3, False, False)
    assert sorted(result.output.split()) == ["err", "out"]
    assert log.text == result.output


def test_the_answer_of_a_quiet_command_stays_out_of_the_log_and_its_complaints_do_not() -> None:
    result, log = run("import sys; print('secret'); print('warning', file=sys.stderr)", quiet=True)
    assert result.output == "secret\n"
    assert log.text == "warning\n"


def test_the_workers_environment_is_not_passed_on_except_what_is_listed() -> None:
    result, _ = run("import os; print('MOONMIND_DATABASE__URL' in os.environ, 'PATH' in os.environ)")
    assert result.output.split() == ["False", "True"]
    assert child_environment({"PIP_INDEX_URL": "x", "AWS_SECRET": "y"}, {"A": "1"}) == {"PIP_INDEX_URL": "x", "A": "1"}


def test_stdin_is_closed() -> None:
    result, _ = run("import sys; print(repr(sys.stdin.read()))")
    assert result.output == "''\n"


def test_a_command_over_its_time_is_ended_with_everything_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    hostile = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "ignore = 'import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)'\n"
        "a = subprocess.Popen([sys.executable, '-c', ignore])\n"
        "b = subprocess.Popen([sys.executable, '-c', ignore], start_new_session=True)\n"
        "open(sys.argv[1], 'w').write(f'{os.getpid()} {a.pid} {b.pid}')\n"
        "while True: os.write(1, b'x' * 65536)\n"
    )
    started = time.monotonic()
    result, log = run(hostile, str(pids), timeout=2, should_stop=lambda: False)
    assert result.timed_out
    assert not result.ok
    assert time.monotonic() - started < 30
    assert log.text
    assert [pid for pid in map(int, pids.read_text().split()) if runs(pid)] == []


def test_a_grandchild_that_keeps_the_pipe_open_does_not_hold_up_the_end(tmp_path: Path) -> None:
    source = (
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(p.pid)"
    )
    result, _ = run(source, timeout=60)
    assert result.ok
    assert not runs(int(result.output))


def test_a_stop_ends_the_command_without_calling_it_a_time_out() -> None:
    result, _ = run("import time; time.sleep(600)", timeout=60, should_stop=lambda: True)
    assert not result.timed_out
    assert result.exit_code == -15


def test_the_caller_may_hand_down_a_descriptor() -> None:
    read, write = os.pipe()
    try:
        result, _ = run(f"import os; os.write({write}, b'held')", inherit_fds=(write,))
        assert result.ok
        assert os.read(read, 10) == b"held"
    finally:
        os.close(read)
        os.close(write)


def test_a_missing_program_is_said_plainly() -> None:
    with pytest.raises(StepFailedError, match="cannot start no-such-program: No such file") as caught:
        SubprocessRunner({}).run(Command(("no-such-program",)), log=Log(), timeout=5)
    assert caught.value.code == "command_not_found"


def test_text_split_between_two_reads_is_decoded_whole() -> None:
    source = "import sys, time\nfor b in 'ä€'.encode(): sys.stdout.buffer.write(bytes([b])); sys.stdout.flush()"
    _, log = run(source)
    assert log.text == "ä€"
