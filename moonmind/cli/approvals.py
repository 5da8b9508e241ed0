"""`moonmind runs approve`, `reject`, `revoke`, `diff`, `token`: deciding about a run that waits for people."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from moonmind.cli.output import json_option
from moonmind.cli.roles import ROLES

RUNS = "/orchestrator/runs"
SAID = {
    "awaiting_approval": "others must agree too",
    "running": "the run goes on",
    "pending": "the run goes on",
    "failed": "the run has ended, nothing was touched",
}
"""What an answer led to, by the run's status after it."""

role_option = click.option(
    "--role", type=click.Choice(ROLES), help="In which of your roles; without it, one that counts."
)


@click.command()
@click.argument("run_id")
@click.option("--comment", help="Why, for the record.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@role_option
@json_option
def approve(run_id: str, comment: str | None, yes: bool, role: str | None, as_json: bool) -> None:
    """Look at the change that a run waits with, and approve it.

    Shows who asked for what, the policy and the exact diff on stderr, then asks. Your key says who you are.

    \b
    moonmind runs approve 6f1c
    moonmind runs approve 6f1c --yes --comment "as discussed"

    RUN_ID may be shortened. Exit: 0 your word counts, 1 you did not approve, 2 it was refused.
    """
    from moonmind.cli.approval_view import print_case, read_diff
    from moonmind.cli.client import make_client
    from moonmind.cli.output import console

    if not yes and not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask at: add --yes to approve what is shown.")
    client = make_client()
    run = _waiting_run(client, run_id)
    print_case(console(stderr=True), run, read_diff(client, run))
    if not yes and not click.confirm("Approve this change?", err=True):
        click.echo("not approved; the run waits on. To end it: moonmind runs reject " + run_id, err=True)
        sys.exit(1)
    _answer(client, run, "approve", comment, role, as_json)


@click.command()
@click.argument("run_id")
@click.option("--comment", help="Why, for whoever asked.")
@role_option
@json_option
def reject(run_id: str, comment: str | None, role: str | None, as_json: bool) -> None:
    """Refuse the change that a run waits with.

    The run ends; what it had done already is undone.

    \b
    moonmind runs reject 6f1c --comment "pin the version, please"

    RUN_ID may be shortened. Exit: 0 your word counts, 2 it was refused.
    """
    from moonmind.cli.client import make_client

    client = make_client()
    _answer(client, _waiting_run(client, run_id), "reject", comment, role, as_json)


@click.command()
@click.argument("run_id")
@click.option("--approver", metavar="NAME", help="Whose answer; without it, yours. Somebody else's: only an admin.")
@json_option
def revoke(run_id: str, approver: str | None, as_json: bool) -> None:
    """Take an answer back, before what it allowed has begun.

    \b
    moonmind runs revoke 6f1c
    moonmind runs revoke 6f1c --approver ann

    RUN_ID may be shortened. Exit: 0 it counts no more, 2 it was refused.
    """
    from moonmind.cli.client import make_client
    from moonmind.cli.output import print_json
    from moonmind.cli.run_view import find_run

    client = make_client()
    run = find_run(client, run_id)
    given = _standing_answer(run, approver or _own_name(client, run))
    after = client.delete(f"{RUNS}/{run['run_id']}/approvals/{given['approval_id']}")
    waits = {"awaiting_approval": "the run waits for approval"}.get(after["status"], f"the run is {after['status']}")
    click.echo(f"the answer of {given['approver']} ({given['role']}) is taken back: {waits}", err=True)
    print_json(after) if as_json else click.echo(after["run_id"])


@click.command()
@click.argument("run_id")
@json_option
def diff(run_id: str, as_json: bool) -> None:
    """Print the exact change that a run would make.

    \b
    moonmind runs diff 6f1c
    moonmind runs diff 6f1c | git apply --check

    RUN_ID may be shortened. Exit: 0 there is one, 2 there is none.
    """
    from moonmind.cli.approval_view import print_diff, read_diff
    from moonmind.cli.client import RefusedError, make_client
    from moonmind.cli.output import console, print_json
    from moonmind.cli.run_view import find_run

    client = make_client()
    run = find_run(client, run_id)
    content = read_diff(client, run)
    if content is None:
        raise RefusedError(
            f"run {run['run_id']} has no diff: it is {run['status']}, see `moonmind runs show {run_id}`."
        )
    if as_json:
        digest = run["action_plan"]["digest"]
        print_json({"run_id": run["run_id"], "plan_digest": digest, "diff": content.decode("utf-8", "replace")})
    elif sys.stdout.isatty():
        print_diff(console(stderr=False), content)
    else:
        click.echo(content, nl=False)


@click.command()
@click.argument("run_id")
@role_option
@json_option
def token(run_id: str, role: str | None, as_json: bool) -> None:
    """Print your approval of a dry run as a token.

    It is for whoever asks for the real run: good once, for a short time, for a run that comes to exactly the same
    plan. Look at the diff first.

    \b
    moonmind runs diff 6f1c
    moonmind runs create --service shop --approval-token "$(moonmind runs token 6f1c)" "fix the missing dependency"

    RUN_ID may be shortened. Exit: 0 here it is, 2 it was refused.
    """
    from moonmind.cli.client import make_client
    from moonmind.cli.output import moment, print_json
    from moonmind.cli.run_view import find_run

    client = make_client()
    run = find_run(client, run_id)
    given = client.post(f"{RUNS}/{run['run_id']}/approval-tokens", {"role": role})
    approver = given["approver"]
    said = f"the word of {approver['id']} ({approver['role']}) on run {run['run_id']}, to be used before"
    click.echo(f"{said} {moment(given['expires_at'])} UTC:", err=True)
    print_json(given) if as_json else click.echo(given["token"])


def _waiting_run(client: Any, run_id: str) -> Mapping[str, Any]:
    from moonmind.cli.client import RefusedError
    from moonmind.cli.run_view import find_run

    run = find_run(client, run_id)
    if run["awaiting"] is None:
        dry = " A dry run is approved with `moonmind runs token`." if run["status"] == "succeeded" else ""
        raise RefusedError(f"run {run['run_id']} is {run['status']}: it waits for nobody's word.{dry}")
    return run


def _standing(run: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The answers to the plan in force that were not taken back, newest first."""
    plan = run["action_plan"] and run["action_plan"]["digest"]
    return [a for a in reversed(run["approvals"]) if not a["revoked_at"] and a["plan_digest"] == plan]


def _standing_answer(run: Mapping[str, Any], approver: str) -> Mapping[str, Any]:
    from moonmind.cli.client import RefusedError

    found = [a for a in _standing(run) if a["approver"].casefold() == approver.casefold()]
    if not found:
        names = ", ".join(a["approver"] for a in _standing(run)) or "nobody"
        raise RefusedError(f"no answer of {approver} to run {run['run_id']} stands. Who has one: {names}.")
    return found[0]


def _own_name(client: Any, run: Mapping[str, Any]) -> str:
    """Whose key this is. The API says it to those whose word a waiting run wants; others must say whom they mean."""
    from moonmind.cli.client import RefusedError

    if run["awaiting"]:
        try:
            given = client.post(f"{RUNS}/{run['run_id']}/approval-tokens", {})
            return str(given["approver"]["id"])
        except RefusedError:
            pass
    names = ", ".join(a["approver"] for a in _standing(run)) or "nobody"
    raise RefusedError(f"say whose answer with --approver NAME. Who has one on run {run['run_id']}: {names}.")


def _answer(
    client: Any, run: Mapping[str, Any], decision: str, comment: str | None, role: str | None, as_json: bool
) -> None:
    """Send the word of the key's owner about the plan that was shown, and say what came of it."""
    from moonmind.cli.client import RefusedError
    from moonmind.cli.output import print_json

    path = f"{RUNS}/{run['run_id']}"
    given = client.post(f"{path}/approval-tokens", {"role": role})
    if given["plan_digest"] != run["action_plan"]["digest"]:
        raise RefusedError("the plan changed while you looked; nothing was sent. Look at it again.")
    body = {"approver": given["approver"], "token": given["token"], "decision": decision, "comment": comment}
    after = client.post(f"{path}/approvals", body)
    done = "approved" if decision == "approve" else "rejected"
    approver = given["approver"]
    led_to = (
        "the change is undone" if after["current_step"] == "rollback" else SAID.get(after["status"], after["status"])
    )
    click.echo(f"{done} by {approver['id']} ({approver['role']}): {led_to}", err=True)
    print_json(after) if as_json else click.echo(after["run_id"])
