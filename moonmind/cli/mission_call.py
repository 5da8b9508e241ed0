"""How `moonmind tasks` and `moonmind mission` call their helpers: shared options, the time, and errors as click's."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from moonmind.missions.errors import REFUSED, USAGE, MissionError

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print exactly one JSON document to stdout, on refusal too."
)
mission_option = click.option(
    "--mission",
    metavar="TEXT",
    help="Slug, its words, number or id. Without it: the mission whose folder you stand in, else the one whose slug "
    "the checked-out branch begins with, else the only one.",
)
_CHANCE_BYTES = 10


class MissionFailedError(click.ClickException):
    """A MissionError on its way out. People see what it quotes from files without control characters, which a terminal
    would obey. `problem`: keys of the JSON document, with all values as they are."""

    exit_code = REFUSED

    def __init__(self, error: MissionError) -> None:
        from moonmind.utils.text import printable  # who is not refused does not wait for it

        said = str(error)
        super().__init__(printable(said, len(said)))
        self.problem = {"error": error.code, "detail": said, **error.details}


class MissionMisusedError(MissionFailedError):
    """One of usage, or of a mission that is not found or ambiguous."""

    exit_code = USAGE


def call(helper: Callable[..., int | None], **arguments: Any) -> None:
    """Run a helper and exit as it says. What the system refuses (a full disk, no permission) is told like a refusal;
    a reader that went away is click's."""
    try:
        code = helper(**arguments)
    except MissionError as error:
        raise (MissionMisusedError if error.exit_code == USAGE else MissionFailedError)(error) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise MissionFailedError(MissionError("SystemRefused", str(error))) from None
    sys.exit(code or 0)


def now_text() -> str:
    """The time as events tell it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def draw_chance() -> int:
    """The random part of a ULID."""
    return int.from_bytes(os.urandom(_CHANCE_BYTES))
