"""`moonmind runs`: ask for repairs, look at them, decide about them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from moonmind.cli import approvals, evidence
from moonmind.cli.output import json_option

if TYPE_CHECKING:
    from moonmind.cli.client import Client

RUNS = "/orchestrator/runs"
STEPS = ("analyze", "patch", "build", "restart", "verify", "rollback")


def _check_id(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not (value.isascii() and value.isprintable()):
        raise click.BadParameter("an id has letters, digits, dots and dashes, such as 12.build.4096")
    return value


@click.group()
def runs() -> None:
    """Ask for repairs, look at them, decide about them.

    \b
    moonmind runs create --service shop --wait "fix the missing dependency"
    moonmind runs list --status failed
    moonmind runs show 6f1c…
    moonmind runs watch 6f1c…
    moonmind runs approve 6f1c…
    moonmind runs cancel 6f1c…
    moonmind runs retry 6f1c… --wait
    moonmind runs evidence 6f1c…
    """


for command in (approvals.approve, approvals.reject, approvals.revoke, approvals.diff, approvals.token):
    runs.add_command(command)
for command in (evidence.evidence, evidence.verify):
    runs.add_command(command)


@runs.command()
@click.argument("instruction")
@click.option("--service", required=True, help="The service to repair; `moonmind services` lists them.")
@click.option("--wait", is_flag=True, help="Stay until the run has ended, with its steps on stderr.")
@click.option("--dry-run", is_flag=True, help="Only analyze: show the change, touch nothing.")
@click.option("--priority", type=click.Choice(["normal", "high"]), default="normal", show_default=True)
@click.option("--idempotency-key", help="The same key and request give the same run.")
@click.option("--approval-token", help="Somebody's word on a dry run, from `moonmind runs token`.")
@json_option
def create(
    instruction: str,
    service: str,
    wait: bool,
    dry_run: bool,
    priority: str,
    idempotency_key: str | None,
    approval_token: str | None,
    as_json: bool,
) -> None:
    """Ask for a repair of SERVICE, in plain words.

    \b
    moonmind runs create --service shop --wait "fix the missing dependency"

    A protected service's run waits for approval; with --wait, so does this command, and Ctrl-C leaves it.
    Prints the run's id at once (with --json the run, at the end). Exit: 0 accepted, or with --wait succeeded; 1 it
    ended otherwise; 2 refused; 3 the API does not answer; 130 Ctrl-C while it waited.
    """
    from moonmind.cli.client import make_client

    client = make_client()
    body = {"instruction": instruction, "target_service": service, "priority": priority, "dry_run": dry_run}
    _follow(
        client,
        client.post(RUNS, {**body, "approval_token": approval_token}, _idempotent(idempotency_key)),
        wait,
        as_json,
    )


@runs.command()
@click.argument("run_id")
@click.option("--from", "step", type=click.Choice(STEPS), help="Where to begin; without it, at the step that failed.")
@click.option("--reason", help="Why, for the record.")
@click.option("--wait", is_flag=True, help="Stay until the new run has ended, with its steps on stderr.")
@click.option("--idempotency-key", help="The same key and request give the same new run.")
@json_option
def retry(
    run_id: str, step: str | None, reason: str | None, wait: bool, idempotency_key: str | None, as_json: bool
) -> None:
    """Take an ended run up again, as a new run.

    It begins where the old one failed, with what still holds of it.

    \b
    moonmind runs retry 6f1c --wait
    moonmind runs retry 6f1c --from analyze          (always possible: look anew)

    Prints the new run's id. RUN_ID may be shortened. Exit: as `moonmind runs create`.
    """
    from moonmind.cli.client import make_client
    from moonmind.cli.run_view import find_run

    client = make_client()
    path = f"{RUNS}/{find_run(client, run_id)['run_id']}/retry"
    run = client.post(path, {"resume_from_step": step, "reason": reason}, _idempotent(idempotency_key))
    _follow(client, run, wait, as_json)


@runs.command()
@click.argument("run_id")
@json_option
def show(run_id: str, as_json: bool) -> None:
    """Show one run.

    Its steps, approvals and files; for whom it waits, or how it ended.

    \b
    moonmind runs show 6f1c

    RUN_ID may be shortened to its first characters. Exit: 0 it succeeded or is still on, 1 it ended otherwise.
    """
    from moonmind.cli.client import make_client
    from moonmind.cli.output import print_json
    from moonmind.cli.run_view import TERMINAL, find_run, print_run

    run = find_run(make_client(), run_id)
    print_json(run) if as_json else print_run(run)
    sys.exit(1 if run["status"] in TERMINAL - {"succeeded"} else 0)


@runs.command()
@click.argument("run_id")
@click.option("--since", callback=_check_id, help="The last event id that you have: only what comes after it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line to stdout, for programs.")
def watch(run_id: str, since: str | None, as_json: bool) -> None:
    """Follow a run while it happens.

    Its log lines and decisions from its beginning, in the order in which they belong; on a terminal, its steps below
    them. A connection that is lost is taken up again where it was cut.

    \b
    moonmind runs watch 6f1c
    moonmind runs watch 6f1c | grep -i error
    moonmind runs watch 6f1c --json --since 12.build.4096

    RUN_ID may be shortened. Exit: 0 it succeeded, 1 it ended otherwise, 2 refused, 3 the API does not answer, 130
    Ctrl-C (the run goes on).
    """
    from moonmind.cli.client import make_client
    from moonmind.cli.run_view import find_run
    from moonmind.cli.watch import watch_as_json, watch_for_people

    client = make_client()
    watched = (watch_as_json if as_json else watch_for_people)(client, find_run(client, run_id), since)
    sys.exit(0 if watched["status"] == "succeeded" else 1)


@runs.command()
@click.argument("run_id")
@click.option("--wait", is_flag=True, help="Stay until the run has ended.")
@json_option
def cancel(run_id: str, wait: bool, as_json: bool) -> None:
    """Stop a run. What it had changed is put back as it was.

    \b
    moonmind runs cancel 6f1c --wait

    RUN_ID may be shortened. Exit: 0 it was asked for (with --wait: nothing of the run is left), 1 it ended otherwise,
    2 it was over already, 130 Ctrl-C while it waited.
    """
    from moonmind.cli.client import make_client
    from moonmind.cli.output import print_json
    from moonmind.cli.run_view import find_run, watch_run

    client = make_client()
    run = client.post(f"{RUNS}/{find_run(client, run_id)['run_id']}/cancel", {})
    if not as_json:
        click.echo(run["run_id"])
    if wait:
        run = watch_run(client, run["run_id"])
    if as_json:
        print_json(run)
    undone = run["status"] == "cancelled" or run["rollback_verified"] is True
    sys.exit(0 if not wait or undone else 1)


@runs.command("list")
@click.option("--service", help="Only runs of this service.")
@click.option("--status", multiple=True, help="Only runs of this status; may be given several times.")
@click.option("--search", "text", help="Only runs whose instruction holds this text.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@json_option
def list_command(service: str | None, status: tuple[str, ...], text: str | None, limit: int, as_json: bool) -> None:
    """List runs, newest first.

    \b
    moonmind runs list --service shop --status failed
    moonmind runs list --status awaiting_approval
    """
    from moonmind.cli.client import make_client
    from moonmind.cli.output import print_json
    from moonmind.cli.run_view import print_runs

    query: dict[str, Any] = {"limit": limit, "status": list(status)}
    query |= {name: value for name, value in (("service", service), ("q", text)) if value is not None}
    page = make_client().get(RUNS, **query)
    print_json(page) if as_json else print_runs(page["runs"])


def _idempotent(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key} if key else {}


def _follow(client: Client, run: Any, wait: bool, as_json: bool) -> None:
    """Print the id of a run that was asked for. With `wait` stay until it has ended; the exit code says how. As JSON it
    is printed once, as it is then."""
    from moonmind.cli.output import print_json
    from moonmind.cli.run_view import print_dry_change, watch_run

    if not as_json:
        click.echo(run["run_id"])
    if wait:
        run = watch_run(client, run["run_id"])
        print_dry_change(client, run)
    if as_json:
        print_json(run)
    sys.exit(0 if not wait or run["status"] == "succeeded" else 1)
