"""How commands speak: data to stdout, everything for people to stderr."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {
    "succeeded": "green",
    "running": "cyan",
    "in_progress": "cyan",
    "pending": "dim",
    "skipped": "dim",
    "awaiting_approval": "yellow",
    "rolled_back": "yellow",
    "failed": "red",
    "cancelled": "dim",
}
NOT_REACHABLE = 3
"""Exit code: the API does not answer."""
SHORT_ID = 8
PIPE_WIDTH = 1000
"""Nothing is cut or wrapped where nobody watches."""
MARKS = {"succeeded": "✔", "failed": "✘", "in_progress": "●", "pending": "·", "skipped": "-"}


def print_json(value: Any) -> None:
    """One JSON value on one line of stdout."""
    from moonmind.utils.json_line import json_line

    click.echo(json_line(value))


def error_document(error: click.ClickException) -> dict[str, Any]:
    """An error for programs: the API's problem where it is one, else `usage`, `not_reachable` or `refused`."""
    code = "not_reachable" if error.exit_code == NOT_REACHABLE else "refused"
    if isinstance(error, click.UsageError):
        code = "usage"
    return {"error": code, "detail": error.format_message(), **getattr(error, "problem", {})}


def console(*, stderr: bool) -> Console:
    """A rich console; its import is paid only by commands that draw."""
    from rich.console import Console

    screen = Console(stderr=stderr, highlight=False, soft_wrap=True)
    if not screen.is_terminal:
        screen.width = PIPE_WIDTH
    return screen


def moment(time: str) -> str:
    """A time of the API, to the minute."""
    return time[:16].replace("T", " ")


def short_id(run: Mapping[str, Any]) -> str:
    """Enough of a run's id to tell runs apart; every command takes it."""
    return str(run["run_id"])[:SHORT_ID]


def one_line(text: str) -> str:
    """Somebody else's text without line ends and control characters."""
    return "".join(char if char.isprintable() else " " for char in text)


def seconds_between(start: str | None, end: str | None) -> str:
    """`3.2 s`, or nothing while there is no end."""
    if start is None or end is None:
        return ""
    return f"{(datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds():.1f} s"


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON value to stdout, for programs.")
