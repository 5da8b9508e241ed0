"""`moonmind services`: what can be repaired."""

from __future__ import annotations

import click

from moonmind.cli.output import json_option


@click.command()
@json_option
def services(as_json: bool) -> None:
    """List the services of this installation, with their last run and whether one is on now.

    Services are tables in config.toml: `[services.NAME]`.
    """
    from rich.table import Table

    from moonmind.cli.client import make_client
    from moonmind.cli.output import STYLES, console, print_json

    answer = make_client().get("/orchestrator/services")
    if as_json:
        print_json(answer)
        return
    table = Table(box=None, pad_edge=False)
    for name in ("service", "runtime", "now", "last run", "approval", "may change"):
        table.add_column(name)
    for service in answer["services"]:
        last = service["last_run"]
        ended = (
            f"[{STYLES[last['status']]}]{last['status']}[/] {last['queued_at'][:19].replace('T', ' ')}"
            if last
            else "none"
        )
        now = "[cyan]being repaired[/]" if service["active_run"] else "free"
        allow = ", ".join(service["allow"])
        table.add_row(service["name"], service["runtime"], now, ended, service["approval"], allow)
    console(stderr=False).print(table)
