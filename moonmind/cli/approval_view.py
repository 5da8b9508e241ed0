"""Approvals for people: whose word a run waits for, who said what, and the change as it would be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from moonmind.cli.client import Client, RefusedError
from moonmind.cli.output import moment, one_line, short_id

if TYPE_CHECKING:
    from rich.console import Console

Run = Mapping[str, Any]

DIFF_STYLES = {"+++": "bold", "---": "bold", "@@": "cyan", "+": "green", "-": "red"}
"""How a line of a diff looks, by its beginning; the first that fits."""


def waiting_text(run: Run) -> str:
    """Whose word a waiting run wants, until when, and the command that gives it."""
    gate, command = run["awaiting"], f"moonmind runs approve {short_id(run)}"
    number, roles = gate["required_approvals"], " or ".join(gate["approver_roles"])
    people = "1 person" if number == 1 else f"{number} people"
    agreed = ", ".join(gate["agreed"])
    who = "anybody with that role" if gate["self_approval"] else f"somebody other than {run['requested_by']}"
    return (
        f"waits for approval before {run['current_step']}: by {people} with the role {roles}, "
        f"until {moment(gate['expires_at'])} UTC{f'; {agreed} agreed' if agreed else ''}\n"
        f"{who} looks at it and decides with: {command}"
    )


def print_approvals(screen: Console, approvals: Sequence[Mapping[str, Any]]) -> None:
    """A line for each answer."""
    for answer in approvals:
        said = (
            "taken back" if answer["revoked_at"] else {"approve": "approved", "reject": "rejected"}[answer["decision"]]
        )
        mark = {"approved": "✔", "rejected": "✘"}.get(said, "-")
        comment = f": {one_line(answer['comment'])}" if answer["comment"] else ""
        when = moment(answer["revoked_at"] or answer["granted_at"])
        screen.print(f"  {mark} {said} by {answer['approver']} ({answer['role']}), {when}{comment}", markup=False)


def print_case(screen: Console, run: Run, diff: bytes | None) -> None:
    """What somebody who is asked for their word must see: who wants what, why it waits, and the exact change."""
    screen.print(f"run {run['run_id']} of {run['target_service']}, asked for by {run['requested_by']}:", markup=False)
    screen.print(f"  {one_line(run['instruction'])}", markup=False)
    screen.print(waiting_text(run).partition("\n")[0], style="yellow", markup=False)
    if run["current_step"] == "verify":
        screen.print(
            "The change is in place already and runs. Approved, it is checked and stays; rejected, it is undone."
        )
    print_approvals(screen, run["approvals"])
    if diff is None:
        screen.print(f"no file is changed; the plan: {', '.join(_planned(run))}")
    else:
        print_diff(screen, diff)


def print_diff(screen: Console, diff: bytes) -> None:
    """A diff in colours; what cannot be seen, such as control characters, is spelled out."""
    from rich.text import Text

    for line in diff.decode("utf-8", "backslashreplace").removesuffix("\n").split("\n"):
        style = next((style for start, style in DIFF_STYLES.items() if line.startswith(start)), "")
        screen.print(Text(_visible(line), style))


def read_diff(client: Client, run: Run) -> bytes | None:
    """The change that the plan in force makes, None when there is none. Raises RefusedError when it should be there."""
    previews = [artifact for artifact in run["artifacts"] if artifact["path"] == "patch_preview.diff"]
    if not previews and run["awaiting"] and "patch" in _planned(run):
        raise RefusedError(
            f"the diff of run {run['run_id']} is gone, and nobody should decide about what they cannot see.\n"
            f"Reject it, then: moonmind runs retry {short_id(run)} --from analyze"
        )
    if not previews:
        return None
    return client.download(f"/orchestrator/runs/{run['run_id']}/artifacts/{previews[-1]['artifact_id']}/content")


def _planned(run: Run) -> list[str]:
    """The steps that the plan does not leave out; one that was only asked to restart has no patch."""
    return [step["name"] for step in run["action_plan"]["steps"] if not step["parameters"].get("skip")]


def _visible(line: str) -> str:
    return "".join(
        char if char.isprintable() or char == "\t" else char.encode("unicode_escape").decode() for char in line
    )
