"""What is being done now, on stderr: a spinner for people, plain lines for pipes and logs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from moonmind.cli.output import MARKS, STYLES, console

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

DONE = f"[{STYLES['succeeded']}]{MARKS['succeeded']}[/]"
NOT_DONE = f"[{STYLES['failed']}]{MARKS['failed']}[/]"


@dataclass(slots=True)
class Progress:
    """A list that grows: calling it ends the step before and begins the next."""

    screen: Console
    _now: str | None = None
    _since: float = field(default_factory=time.monotonic)
    _spinner: Status | None = None

    def __call__(self, step: str) -> None:
        """Begin this step; the one before is done."""
        self._end(DONE)
        self._now, self._since = step, time.monotonic()
        if self.screen.is_terminal:
            self._spinner = self.screen.status(_plain(step))
            self._spinner.start()

    def done(self) -> None:
        """The last step is done, and none follows for now."""
        self._end(DONE)

    def failed(self) -> None:
        """The last step was not reached."""
        self._end(NOT_DONE)

    def say(self, text: str, *, style: str | None = None) -> None:
        """Something to read between the steps, as it is."""
        self.screen.print(text, style=style, markup=False)

    def _end(self, mark: str) -> None:
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None
        if self._now is not None:
            took = time.monotonic() - self._since
            self.screen.print(f"{mark} {_plain(self._now)} [dim]{took:.1f} s[/]")
            self._now = None


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


@contextmanager
def progress() -> Iterator[Progress]:
    """One for a command; a step that an exception interrupts is marked as such."""
    shown = Progress(console(stderr=True))
    try:
        yield shown
    except BaseException:
        shown.failed()
        raise
    shown.done()
