"""`moonmind runs`: ask for repairs and look at them."""

from __future__ import annotations

import sys
from typing import Any

import click

from moonmind.cli.output import json_option

RUNS = "/orchestrator/runs"
TERMINAL = frozenset({"succeeded", "failed", "rolled_back", "cancelled"})


@click.group()
def runs() -> None:
    """Ask for repairs and look at them.

    \b
    moonmind runs create --service shop --wait "fix the missing dependency"
    moonmind runs list --status failed
    moonmind runs show 6f1c…
    moonmind runs cancel 6f1c…
    """


@runs.command()
@click.argument("instruction")
@click.option("--service", required=True, help="The service to repair; `moonmind services` lists them.")
@click.option("--wait", is_flag=True, help="Stay until the run has ended, with its steps on stderr.")
@click.option("--dry-run", is_flag=True, help="Only analyze: show the change, touch nothing.")
@click.option("--priority", type=click.Choice(["normal", "high"]), default="normal", show_default=True)
@click.option("--idempotency-key", help="The same key and request give the same run.")
@json_option
def create(
    instruction: str,
    service: str,
    wait: bool,
    dry_run: bool,
    priority: str,
    idempotency_key: str | None,
    as_json: bool,
) -> None:
    """Ask for a repair of SERVICE, in plain words.

    Prints the run's id (with --json the run). Exit: 0 accepted, or with --wait succeeded; 1 it ended otherwise;
    2 refused; 3 the API does not answer.
    """
    from moonmind.cli.client import make_client
    from moonmind.cli.output import print_json
    from moonmind.cli.run_view import watch_run

    client = make_client()
    body = {"instruction": instruction, "target_service": service, "priority": priority, "dry_run": dry_run}
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    run = client.post(RUNS, body, headers)
    if not wait:
        print_json(run) if as_json else click.echo(run["run_id"])
        return
    ended = watch_run(client, run["run_id"])
    print_json(ended) if as_json else click.echo(ended["run_id"])
    sys.exit(0 if ended["status"] == "succeeded" else 1)


@runs.command()
@click.argument("run_id")
@json_option
def show(run_id: str, as_json: bool) -> None:
    """Show one run: its plan, steps, files, and how it ended.

    RUN_ID may be shortened to its first characters. Exit: 0 it succeeded or is still on, 1 it ended otherwise.
    """
    from moonmind.cli.client import make_client
    from moonmind.cli.output import print_json
    from moonmind.cli.run_view import find_run, print_run

    run = find_run(make_client(), run_id)
    print_json(run) if as_json else print_run(run)
    sys.exit(1 if run["status"] in TERMINAL - {"succeeded"} else 0)


@runs.command()
@click.argument("run_id")
@click.option("--wait", is_flag=True, help="Stay until the run has ended.")
@json_option
def cancel(run_id: str, wait: bool, as_json: bool) -> None:
    """Stop a run. What it had changed is put back as it was.

    RUN_ID may be shortened. Exit: 0 it was asked for (with --wait: nothing of the run is left), 1 it ended otherwise,
    2 it was over already.
    """
    from moonmind.cli.client import make_client
    from moonmind.cli.output import print_json
    from moonmind.cli.run_view import find_run, watch_run

    client = make_client()
    run = client.post(f"{RUNS}/{find_run(client, run_id)['run_id']}/cancel", {})
    if wait:
        run = watch_run(client, run["run_id"])
    print_json(run) if as_json else click.echo(run["run_id"])
    undone = run["status"] == "cancelled" or run["rollback_verified"] is True
    sys.exit(0 if not wait or undone else 1)


@runs.command("list")
@click.option("--service", help="Only runs of this service.")
@click.option("--status", multiple=True, help="Only runs of this status; may be given several times.")
@click.option("--search", "text", help="Only runs whose instruction holds this text.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@json_option
def list_command(service: str | None, status: tuple[str, ...], text: str | None, limit: int, as_json: bool) -> None:
    """List runs, newest first."""
    from moonmind.cli.client import make_client
    from moonmind.cli.output import print_json
    from moonmind.cli.run_view import print_runs

    query: dict[str, Any] = {"limit": limit, "status": list(status)}
    query |= {name: value for name, value in (("service", service), ("q", text)) if value is not None}
    page = make_client().get(RUNS, **query)
    print_json(page) if as_json else print_runs(page["runs"])
