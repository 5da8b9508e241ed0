"""`moonmind keys`: who may come in."""

from __future__ import annotations

import click

from moonmind.cli.output import json_option, moment
from moonmind.cli.roles import ROLES

KEYS = "/keys"


@click.group()
def keys() -> None:
    """Make, list and revoke keys of the API, for which it takes an admin's key; see whose key this one is.

    \b
    viewer     looks
    operator   asks for runs, cancels and retries them
    approver   looks; decides, where a service asks for approval
    admin      all of it, keys and approval gates

    \b
    moonmind keys create kim --role operator --days 90
    moonmind keys me
    """


@keys.command()
@click.argument("owner")
@click.option(
    "--role", "roles", multiple=True, required=True, type=click.Choice(ROLES), help="May be given several times."
)
@click.option("--name", default="key", show_default=True, help="What the key is for, such as `laptop`.")
@click.option("--days", type=click.IntRange(1, 3650), help="How long it is valid; without it, until it is revoked.")
@json_option
def create(owner: str, roles: tuple[str, ...], name: str, days: int | None, as_json: bool) -> None:
    """Make a key for OWNER and print it: it is shown this once, only its hash is stored."""
    from moonmind.cli.client import make_client
    from moonmind.cli.output import print_json

    body = {"owner": owner, "name": name, "roles": list(roles), "valid_days": days}
    made = make_client().post(KEYS, body)
    print_json(made) if as_json else click.echo(made["key"])


@keys.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List all keys: whose, what they may, when they were used. Never the keys themselves."""
    from rich.table import Table

    from moonmind.cli.client import make_client
    from moonmind.cli.output import console, print_json

    answer = make_client().get(KEYS)
    if as_json:
        print_json(answer)
        return
    table = Table(box=None, pad_edge=False)
    for title in ("key", "owner", "name", "roles", "valid", "last used"):
        table.add_column(title, no_wrap=True)
    for key in answer["keys"]:
        valid = "revoked" if key["revoked_at"] else (key["expires_at"] or "until revoked")[:16].replace("T", " ")
        used = (key["last_used_at"] or "never")[:16].replace("T", " ")
        table.add_row(key["key_id"], key["owner"], key["name"], ", ".join(key["roles"]), valid, used)
    console(stderr=False).print(table)


@keys.command()
@click.argument("key_id")
@json_option
def revoke(key_id: str, as_json: bool) -> None:
    """Revoke a key by its id: it opens nothing from now on."""
    from moonmind.cli.client import make_client
    from moonmind.cli.output import print_json

    ended = make_client().delete(f"{KEYS}/{key_id}")
    print_json(ended) if as_json else click.echo(f"{ended['owner']}'s {ended['name']} is revoked", err=True)


@keys.command()
@json_option
def me(as_json: bool) -> None:
    """Say whose key this is, what it may, and until when. For every role."""
    from moonmind.cli.client import make_client
    from moonmind.cli.output import print_json

    found = make_client().get(f"{KEYS}/me")
    until = f"until {moment(found['expires_at'])}" if found["expires_at"] else "until it is revoked"
    says = f"{found['owner']}: {', '.join(found['roles'])}; key {found['key_name']}, valid {until}"
    print_json(found) if as_json else click.echo(says)
