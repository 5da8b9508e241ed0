"""`moonmind gates`: whose word a service's runs wait for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from moonmind.cli.output import json_option
from moonmind.cli.roles import ROLES

if TYPE_CHECKING:
    from moonmind.cli.client import Client

GATES = "/orchestrator/approval-gates"
RUNS = "/orchestrator/runs"


@click.group()
def gates() -> None:
    """See and set whose word each service's runs wait for. Needs an admin's key.

    \b
    none         runs wait for nobody
    pre-run      people see the exact diff before anything is touched
    pre-verify   the change runs first; people let it stay, or it is undone

    \b
    moonmind gates list
    moonmind gates set shop --require pre-run --approvals 2
    moonmind gates reset shop
    """


@gates.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List the gate of every service, and who set it.

    \b
    moonmind gates list --json
    """
    from rich.table import Table

    from moonmind.cli.client import make_client
    from moonmind.cli.output import console, print_json

    answer = make_client().get(GATES)
    if as_json:
        print_json(answer)
        return
    table = Table(box=None, pad_edge=False)
    for title in ("service", "asks", "people", "roles", "self-approval", "time", "set by"):
        table.add_column(title, no_wrap=True)
    for gate in answer["approval_gates"]:
        if gate["requirement"] == "none":
            table.add_row(gate["service"], "nobody", *("",) * 4, gate["source"])
        else:
            own = "yes" if gate["self_approval"] else "no"
            number, roles, time = gate["required_approvals"], ", ".join(gate["approver_roles"]), gate["valid_minutes"]
            table.add_row(gate["service"], gate["requirement"], str(number), roles, own, f"{time} min", gate["source"])
    console(stderr=False).print(table)


@gates.command("set")
@click.argument("service")
@click.option(
    "--require", "requirement", type=click.Choice(["none", "pre-run", "pre-verify"]), help="When people are asked."
)
@click.option("--approvals", "required_approvals", type=click.IntRange(1, 20), help="How many must agree.")
@click.option(
    "--role",
    "approver_roles",
    multiple=True,
    type=click.Choice(ROLES),
    help="Whose word counts; several times for several.",
)
@click.option("--valid-minutes", type=click.IntRange(5, 43_200), help="How long they have, and how long a yes is good.")
@click.option("--self-approval/--no-self-approval", default=None, help="Whether whoever asked for a run counts.")
@json_option
def set_command(service: str, as_json: bool, **given: Any) -> None:
    """Set the gate of SERVICE.

    What you name changes, the rest stays. It is in force at once, over config.toml, also for runs that are on: which of
    those that waited go on by it is said on stderr.

    \b
    moonmind gates set shop --require pre-run --approvals 2 --role approver --valid-minutes 60
    moonmind gates set shop --require none
    """
    from moonmind.cli.client import make_client

    changes = {name: value for name, value in given.items() if value not in (None, ())}
    if not changes:
        raise click.UsageError("say what to change, such as --require pre-run.")
    client = make_client()
    gate = _gate_of(client, service)
    whole = {name: value for name, value in gate.items() if name not in ("service", "source")}
    _change(client, service, as_json, lambda: client.put(f"{GATES}/{service}", {**whole, **changes}))


@gates.command("reset")
@click.argument("service")
@json_option
def reset_command(service: str, as_json: bool) -> None:
    """Hand the gate of SERVICE back to config.toml.

    What was set by `gates set` is forgotten. The file's policy is in force at once, also for runs that are on, and when
    the file changes the gate follows at the next start.

    \b
    moonmind gates reset shop
    """
    from moonmind.cli.client import make_client

    client = make_client()
    _gate_of(client, service)
    _change(client, service, as_json, lambda: client.delete(f"{GATES}/{service}"))


def _change(client: Client, service: str, as_json: bool, change: Callable[[], Any]) -> None:
    """Do it, and say what the gate is now and what became of the runs that waited at it."""
    from moonmind.cli.output import print_json

    waiting = _waiting(client, service)
    answer = change()
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{service}: {_in_words(answer)}", err=True)
    _say_what_went_on(client, waiting)


def _in_words(gate: Mapping[str, Any]) -> str:
    if gate["requirement"] == "none":
        return "asks nobody"
    number, roles = gate["required_approvals"], " or ".join(gate["approver_roles"])
    people = "1 person" if number == 1 else f"{number} people"
    own = "counts" if gate["self_approval"] else "does not count"
    return (
        f"asks {gate['requirement']}: {people} with the role {roles}, within {gate['valid_minutes']} minutes; "
        f"whoever asked for the run {own}"
    )


def _waiting(client: Any, service: str) -> list[str]:
    """The service's runs that wait for approval now, oldest first."""
    query: dict[str, Any] = {"service": service, "status": "awaiting_approval", "limit": 100}
    page = client.get(RUNS, **query)
    found = list(page["runs"])
    while page["next_cursor"]:
        page = client.get(RUNS, **query, cursor=page["next_cursor"])
        found += page["runs"]
    return [run["run_id"] for run in reversed(found)]


def _say_what_went_on(client: Any, waiting: Sequence[str]) -> None:
    """What became of runs that waited before the gate was set."""
    from moonmind.cli.output import short_id

    now = [client.get(f"{RUNS}/{run}") for run in waiting]
    on = [short_id(run) for run in now if run["status"] in ("pending", "running", "succeeded")]
    ended = [short_id(run) for run in now if run["status"] in ("failed", "rolled_back", "cancelled")]
    for ids, one, more in ((on, "goes on", "go on"), (ended, "ended", "ended")):
        if ids:
            runs = f"1 waiting run {one}" if len(ids) == 1 else f"{len(ids)} waiting runs {more}"
            click.echo(f"{runs} by the new policy: {', '.join(ids)}", err=True)


def _gate_of(client: Any, service: str) -> Mapping[str, Any]:
    from moonmind.cli.client import RefusedError

    gates: dict[str, Mapping[str, Any]] = {gate["service"]: gate for gate in client.get(GATES)["approval_gates"]}
    if service not in gates:
        raise RefusedError(f"no service is called {service!r}. Known services: {', '.join(gates) or 'none'}.")
    return gates[service]
