"""Runs one command: own session, no stdin, allow-listed environment, streamed log, deadline, group kill, reaped."""

from __future__ import annotations

import codecs
import os
import selectors
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from moonmind.utils.environment import PLAIN_ENVIRONMENT
from moonmind.utils.processes import end_group
from moonmind.workflows.orchestrator.ports import Command, CommandResult, LogSink, StepFailedError

PASSED_ENVIRONMENT = (
    PLAIN_ENVIRONMENT
    | {"TERM", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"}
    | {"MOONMIND_STACK"}  # says whose stack it is, so that a killed worker's children are found
    | {"DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"}
)
"""What a child may know of the worker's environment: never its database, broker or keys."""
PASSED_PREFIXES = ("LC_", "PIP_")

TAIL_BYTES = 64 * 1024
"""How much of a command's output is kept for the caller; the log has it all."""
ANSWER_BYTES = 8 * 1024 * 1024
"""The longest answer of a quiet command."""
POLL_SECONDS = 0.1
LAST_READS = 64
"""Reads after the exit: a pipe holds 64 KiB, so these empty both with room to spare."""


def child_environment(worker: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child: the allow-listed part of the worker's, then what the command adds."""
    passed = {k: v for k, v in worker.items() if k in PASSED_ENVIRONMENT or k.startswith(PASSED_PREFIXES)}
    return passed | dict(added)


@dataclass(slots=True)
class _Output:
    """What a child said: the end of it for the caller, all of it for the log when it is no quiet command."""

    log: LogSink | None
    keep: int
    kept: bytearray = field(default_factory=bytearray)
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")(errors="replace")
    )

    def add(self, data: bytes, *, final: bool = False) -> None:
        self.kept += data
        del self.kept[: max(0, len(self.kept) - self.keep)]
        if self.log is not None and (text := self._decoder.decode(data, final)):
            self.log.write(text)

    def text(self) -> str:
        return self.kept.decode("utf-8", errors="replace")


@dataclass(frozen=True, slots=True)
class SubprocessRunner:
    """The real runner; `environment` is the worker's own."""

    environment: Mapping[str, str]

    def run(
        self,
        command: Command,
        *,
        log: LogSink,
        timeout: float,
        inherit_fds: tuple[int, ...] = (),
        should_stop: Callable[[], bool] = lambda: False,
    ) -> CommandResult:
        """Run to the end, to `timeout` seconds or until `should_stop`; nothing of the child is left afterwards.

        Raises StepFailedError(`command_not_found`) when there is no such program.
        """
        child = self._start(command, inherit_fds)
        try:
            out = _Output(None, ANSWER_BYTES) if command.quiet else _Output(log, TAIL_BYTES)
            err = _Output(log, TAIL_BYTES)
            timed_out = _listen(child, out, err, time.monotonic() + timeout, should_stop)
        finally:
            end_group(child.pid)
            code = child.wait()
            for stream in (child.stdout, child.stderr):
                if stream is not None:
                    stream.close()
        return CommandResult(code, out.text(), timed_out)

    def _start(self, command: Command, inherit_fds: tuple[int, ...]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                command.argv,
                cwd=command.cwd,
                env=child_environment(self.environment, command.env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if command.quiet else subprocess.STDOUT,
                start_new_session=True,
                pass_fds=inherit_fds,
                bufsize=0,
            )
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            raise StepFailedError("command_not_found", f"cannot start {command.argv[0]}: {error.strerror}") from None


def _listen(
    child: subprocess.Popen[bytes], out: _Output, err: _Output, deadline: float, should_stop: Callable[[], bool]
) -> bool:
    """Take the child's output until it has exited, until the deadline (then True) or until a stop.

    Its exit counts, not the closing of its pipes: a grandchild may hold them open for ever.
    """
    with selectors.DefaultSelector() as selector:
        for stream, sink in ((child.stdout, out), (child.stderr, err)):
            if stream is not None:
                selector.register(stream, selectors.EVENT_READ, sink)
        timed_out = False
        while not (exited := _has_exited(child)) and not should_stop():
            timed_out = time.monotonic() >= deadline
            if timed_out:
                break
            _take(selector, POLL_SECONDS)
        if exited:
            _take_the_rest(selector)
    out.add(b"", final=True)
    err.add(b"", final=True)
    return timed_out


def _has_exited(child: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended; it stays a zombie, so that its pid and group cannot mean anybody else yet."""
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _take(selector: selectors.BaseSelector, wait: float) -> bool:
    """One read of each pipe that has something, waiting up to `wait` seconds; False when nothing came."""
    if not selector.get_map():
        time.sleep(wait)
        return False
    ready = selector.select(wait)
    for key, _ in ready:
        if data := os.read(key.fd, 65536):
            key.data.add(data)
        else:
            selector.unregister(key.fileobj)
    return bool(ready)


def _take_the_rest(selector: selectors.BaseSelector) -> None:
    """What the pipes still hold after the exit: bounded, since a grandchild may go on writing."""
    for _ in range(LAST_READS):
        if not _take(selector, 0):
            return
