"""Ending and removing everything that a benchmark started, however it ends."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def cleaning_up(tell: Callable[[str], None]) -> Iterator[ExitStack]:
    """A stack that SIGTERM and a closed terminal unwind as Ctrl-C does, and that no second one disturbs."""
    before = {number: signal.signal(number, _interrupt) for number in ENDING}
    stack = ExitStack()
    try:
        yield stack
    except BaseException:
        _unwind(stack, before, tell)
        raise
    _unwind(stack, before, tell)


def _unwind(
    stack: ExitStack, before: dict[signal.Signals, Callable[..., object] | int | None], tell: Callable[[str], None]
) -> None:
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    tell("ending what was started")
    try:
        stack.close()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def temporary_folder() -> Iterator[Path]:
    folder = tempfile.mkdtemp(prefix="mmbench-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
