"""Runs for people: a live view on stderr while one is on, a report and a list on stdout."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from moonmind.cli.approval_view import print_approvals, print_diff, read_diff, waiting_text
from moonmind.cli.client import Client, RefusedError
from moonmind.cli.output import MARKS, SHORT_ID, STYLES, console, moment, one_line, seconds_between, short_id

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

RUNS = "/orchestrator/runs"
TERMINAL = frozenset({"succeeded", "failed", "rolled_back", "cancelled"})
POLL_SECONDS = 0.2
FULL_ID = 36
INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""

Run = Mapping[str, Any]
Step = Mapping[str, Any]


def watch_run(client: Client, run_id: str) -> Run:
    """Show the steps on stderr until the run has ended; the run as it ended. Ctrl-C ends the process, not the run."""
    try:
        screen = console(stderr=True)
        run = _watch_live(client, run_id, screen) if screen.is_terminal else _watch_plainly(client, run_id, screen)
        print_end(run)
    except KeyboardInterrupt:
        click.echo(f"left; the run goes on: moonmind runs show {run_id[:SHORT_ID]}", err=True)
        sys.exit(INTERRUPTED)
    return run


def _watch_live(client: Client, run_id: str, screen: Console) -> Run:
    from rich.live import Live

    run, said = show_run(client, run_id), set[str]()
    with Live(steps_table(run), console=screen, refresh_per_second=8) as live:
        while run["status"] not in TERMINAL:
            _say_waiting(screen, run, said)
            time.sleep(POLL_SECONDS)
            run = show_run(client, run_id)
            live.update(steps_table(run))
    return run


def _watch_plainly(client: Client, run_id: str, screen: Console) -> Run:
    """A line for each change, for logs and pipes."""
    said, waits = set[tuple[str, int, str]](), set[str]()
    while True:
        run = show_run(client, run_id)
        for step in run["steps"]:
            state = (step["name"], step["attempt"], step["status"])
            if step["status"] != "pending" and state not in said:
                said.add(state)
                screen.print(step_line(run, step), markup=False)
        if run["status"] in TERMINAL:
            return run
        _say_waiting(screen, run, waits)
        time.sleep(POLL_SECONDS)


def _say_waiting(screen: Console, run: Run, said: set[str]) -> None:
    """Once for each wait, which its end tells from others."""
    if run["awaiting"] and run["awaiting"]["expires_at"] not in said:
        said.add(run["awaiting"]["expires_at"])
        screen.print(waiting_text(run), style="yellow", markup=False)


def print_run(run: Run) -> None:
    """A report on stdout."""
    screen = console(stderr=False)
    dry = ", dry run: nothing is changed" if run["dry_run"] else ""
    screen.print(f"run {run['run_id']}  [{STYLES[run['status']]}]{run['status']}[/]{dry}")
    screen.print(f"{run['target_service']}: {one_line(run['instruction'])}", markup=False)
    took = seconds_between(run["started_at"], run["completed_at"])
    screen.print(
        f"asked by {one_line(run['requested_by'])}, {moment(run['queued_at'])} UTC{took and f', took {took}'}",
        markup=False,
    )
    if run["retried_from"]:
        screen.print(f"takes up run {run['retried_from']}")
    if run["failure"]:
        screen.print(_failure(run), style="red", markup=False)
    if run["rollback_verified"]:
        screen.print("rolled back, verified")
    elif run["rollback_verified"] is False:
        _print_alarm(screen, run)
    if run["awaiting"]:
        screen.print(waiting_text(run), style="yellow", markup=False)
    screen.print(steps_table(run))
    if run["approvals"]:
        screen.print("approvals:")
        print_approvals(screen, run["approvals"])
    screen.print(f"files in {_folder(run)}:", markup=False)
    for artifact in run["artifacts"]:
        screen.print(
            f"  {one_line(artifact['path']):32} {artifact['size_bytes']:>9} bytes  {artifact['type']}", markup=False
        )


def print_dry_change(client: Client, run: Run) -> None:
    """On stderr, the change that a dry run came to; nothing for other runs."""
    if not run["dry_run"] or run["status"] != "succeeded":
        return
    screen, diff = console(stderr=True), read_diff(client, run)
    if diff is None:
        screen.print("no file would be changed")
    else:
        print_diff(screen, diff)


def print_runs(runs: Sequence[Run]) -> None:
    """A table on stdout."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("run", "status", "service", "asked", "instruction"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for run in runs:
        dry = ", dry run" if run["dry_run"] else ""
        status = f"[{STYLES[run['status']]}]{run['status']}[/]{dry}"
        asked = moment(run["queued_at"])
        table.add_row(short_id(run), status, run["target_service"], asked, _plain(run["instruction"]))
    console(stderr=False).print(table)


def find_run(client: Client, run_id: str) -> Run:
    """A run by its id or the beginning of it, among the newest hundred."""
    if len(run_id) == FULL_ID:
        return show_run(client, run_id)
    newest = client.get(RUNS, limit=100)["runs"]
    found = [run["run_id"] for run in newest if run["run_id"].startswith(run_id.lower())]
    if len(found) != 1:
        raise RefusedError(f"{len(found)} of the newest runs begin with {run_id!r}; `moonmind runs list` shows them.")
    return show_run(client, found[0])


def show_run(client: Client, run_id: str) -> Run:
    """A run by its whole id, as it is now."""
    run: Run = client.get(f"{RUNS}/{run_id}")
    return run


def mark_and_time(step: Step, outcome: str) -> tuple[RenderableType, str]:
    """How a step stands, and how long it took."""
    return f"[{STYLES[outcome]}]{MARKS[outcome]}[/]", seconds_between(step["started_at"], step["completed_at"])


def steps_table(run: Run, look: Callable[[Step, str], tuple[RenderableType, str]] = mark_and_time) -> Table:
    """The steps of a run; `look` gives a step's first and third column by its status."""
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    for step in run["steps"]:
        mark, took = look(step, _outcome(run, step))
        attempt = f" ({step['attempt']})" if step["attempt"] > 1 else ""
        table.add_row(mark, step["name"] + attempt, f"[dim]{took}[/]", _plain(step["message"] or ""))
    return table


def step_line(run: Run, step: Step) -> str:
    """A step as it stands, for logs and pipes."""
    took, outcome = seconds_between(step["started_at"], step["completed_at"]), _outcome(run, step)
    words = (MARKS[outcome], f"{step['name']:8}", outcome, took, one_line(step["message"] or ""))
    return " ".join(word for word in words if word)


def _outcome(run: Run, step: Step) -> str:
    """A step's status for people: an undoing that was done, but not all of it, is a failure to them."""
    is_partial = step["name"] == "rollback" and step["status"] == "succeeded" and run["rollback_verified"] is False
    return "failed" if is_partial else str(step["status"])


def _failure(run: Run) -> str:
    return f"{run['failure']['code']}: {one_line(run['failure']['reason'])}"


def _print_alarm(screen: Console, run: Run) -> None:
    """Something could not be put back: nothing but people can help now."""
    screen.print("ROLLED BACK, NOT VERIFIED: something could not be put back", style="bold red")
    retry = f"moonmind runs retry {short_id(run)} --from rollback"
    screen.print(f"look at rollback.log, put right what it names, then: {retry}", style="yellow", markup=False)


def print_end(run: Run) -> None:
    """How it ended, on stderr."""
    screen = console(stderr=True)
    took = seconds_between(run["queued_at"], run["completed_at"])
    dry = " (dry run: nothing was changed)" if run["dry_run"] else ""
    screen.print(f"[{STYLES[run['status']]}]{run['status']}[/] after {took}{dry}")
    if run["failure"]:
        screen.print(_failure(run), markup=False)
    if run["rollback_verified"] is False:
        _print_alarm(screen, run)
    if run["status"] != "succeeded":
        screen.print(f"more: moonmind runs show {short_id(run)}, and the run's folder: {_folder(run)}", markup=False)


def _folder(run: Run) -> str:
    """Where the run's files lie, below the artifact root of the API's home."""
    return f"var/artifacts/spec_workflows/{run['run_id']}"


def _plain(text: str) -> str:
    """Somebody else's text in a table: one line, no markup, no control characters."""
    from rich.markup import escape

    return escape(one_line(text))
