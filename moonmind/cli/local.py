"""The embedded stack as the commands `up`, `down` and `demo` use it. Imported inside them: it is heavy."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from moonmind.cli.progress import Progress
from moonmind.config.settings import Settings
from moonmind.embedded.account import AccountError
from moonmind.embedded.postgres import PostgresError
from moonmind.embedded.stack import Stack, StackError, exclusive, new_stack, stop
from moonmind.embedded.supervisor import SupervisorError

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BUILD_LINES = 12


@contextmanager
def stack_up(
    settings: Settings, env: Mapping[str, str], tell: Progress, *, port: int, stays: bool, meanwhile: Callable[[], None]
) -> Iterator[Stack]:
    """The stack while the block runs, and afterwards as well if it `stays`; after an exception never.

    `port` 0: a free one. `meanwhile` is done while API and worker start.
    """
    with exclusive(settings.home):
        stack = _new(settings, env, tell, port, stays)
        try:
            _bring_up(stack, meanwhile)
        except BaseException:
            stop(settings.home)
            raise
    try:
        yield stack
    except BaseException:
        stop_stack(settings.home)
        raise
    if not stays:
        tell("stopping what was started")
        stop_stack(settings.home)


def stop_stack(home: Path) -> bool:
    """Stop it; True when there was one. A second Ctrl-C does not make it leave half of it."""
    if not (home / "var").is_dir():
        return False
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        with exclusive(home):
            return stop(home)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_on_signals() -> None:
    """Let SIGTERM and a closed terminal do what Ctrl-C does: the command stops what it started. Not after `nohup`."""
    for number in ENDING:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


def prepare(settings: Settings, name: str, tell: Progress, *, rebuild: bool) -> None:
    """Build and start a service, outside any run. Raises StepFailedError after showing the end of what pip said."""
    from moonmind.workflows.orchestrator.local_services import prepare_service
    from moonmind.workflows.orchestrator.ports import StepFailedError

    said: list[str] = []
    try:
        prepare_service(settings, name, said.append, rebuild=rebuild)
    except StepFailedError:
        tell.failed()
        tell.say("\n".join("".join(said).splitlines()[-BUILD_LINES:]), style="dim")
        raise


def _new(settings: Settings, env: Mapping[str, str], tell: Progress, port: int, stays: bool) -> Stack:
    with _plain_errors():
        return new_stack(settings, env, tell, api_port=port, attached=not stays)


def _bring_up(stack: Stack, meanwhile: Callable[[], None]) -> None:
    with _plain_errors():
        stack.start()
        meanwhile()
        stack.wait_ready()


@contextmanager
def _plain_errors() -> Iterator[None]:
    """What the stack says when it cannot start, as a command's error."""
    try:
        yield
    except (StackError, PostgresError, AccountError, SupervisorError) as error:
        raise click.ClickException(str(error)) from None


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
