"""A run as it happens: its log lines and decisions as they come, its steps below them while somebody looks on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from moonmind.cli.approval_view import waiting_text
from moonmind.cli.board import Board
from moonmind.cli.client import Client
from moonmind.cli.follow import Happened, follow
from moonmind.cli.output import STYLES, console, one_line, print_json, short_id
from moonmind.cli.run_view import INTERRUPTED, Run, Step, mark_and_time, print_end, show_run, step_line, steps_table

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

DETAILS = ("instruction", "reason", "comment")
"""What is told of an event beside its kind, where it has such a field."""


def watch_as_json(client: Client, run: Run, since: str | None) -> Run:
    """One JSON object a line on stdout; the run as it ended."""
    return _watch(client, run, since, lambda event: print_json(asdict(event)))


def watch_for_people(client: Client, run: Run, since: str | None) -> Run:
    """Lines on stdout, and on a terminal the steps below them; the run as it ended."""
    view = View(client, console(stderr=False), Board(run))
    if since is None:
        view.board.clear()
    with view.steps():
        view.board.run = run = _watch(client, run, since, view)
    print_end(run)
    return run


def _watch(client: Client, run: Run, since: str | None, show: Callable[[Happened], None]) -> Run:
    """Follow to the end. Ctrl-C ends the process, not the run, and says how to take it up again."""
    try:
        for event in follow(client, run["run_id"], since, lambda: click.echo("connection lost, resuming", err=True)):
            show(event)
            since = event.id
        return show_run(client, run["run_id"])
    except KeyboardInterrupt:
        again = f" --since {since}" if since else ""
        click.echo(f"left; the run goes on: moonmind runs watch {short_id(run)}{again}", err=True)
        sys.exit(INTERRUPTED)


@dataclass(slots=True)
class View:
    """What people see of each event."""

    client: Client
    screen: Console
    board: Board

    def __call__(self, event: Happened) -> None:
        """Show one event; texts of others are made harmless."""
        match event.event:
            case "log":
                self._print(f"{event.data['step']:8} | {event.data['text']}", "dim")
            case "state":
                self._show_state(event.data)

    def steps(self) -> AbstractContextManager[Any]:
        """On a terminal, the steps below everything else; nothing elsewhere."""
        if not self.screen.is_terminal:
            return nullcontext()
        from rich.live import Live
        from rich.spinner import Spinner

        spinner = Spinner("dots", style=STYLES["in_progress"])

        def look(step: Step, outcome: str) -> tuple[RenderableType, str]:
            return (spinner, _seconds_since(step["started_at"])) if _is_on(step) else mark_and_time(step, outcome)

        return Live(get_renderable=lambda: steps_table(self.board.run, look), console=self.screen, refresh_per_second=8)

    def _show_state(self, event: Mapping[str, Any]) -> None:
        step = self.board.take(event)
        if step is not None:
            if not self.screen.is_terminal:
                self._print(step_line(self.board.run, step))
        elif event["kind"] == "approval_needed":
            self._show_wait()
        elif event["kind"] != "run_finished":
            self._print(_told(event))

    def _show_wait(self) -> None:
        run = show_run(self.client, self.board.run["run_id"])
        for line in waiting_text(run).split("\n") if run["awaiting"] else ("· approval was needed",):
            self._print(line, "yellow")

    def _print(self, text: str, style: str | None = None) -> None:
        self.screen.print(one_line(text), style=style, markup=False)


def _told(event: Mapping[str, Any]) -> str:
    details = (event["payload"].get(name) for name in DETAILS)
    more = ": ".join(str(detail) for detail in details if detail)
    return f"· {event['kind'].replace('_', ' ')} by {event['actor']}{f': {more}' if more else ''}"


def _is_on(step: Step) -> bool:
    return bool(step["status"] == "in_progress" and step["started_at"] and not step["completed_at"])


def _seconds_since(time: str) -> str:
    """By this machine's clock, which may be behind the API's."""
    return f"{max(0.0, (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()):.0f} s"
