"""`moonmind mission`: making and finding missions."""

from __future__ import annotations

from typing import Any

import click

from moonmind.cli.mission_call import call, draw_chance, json_option, mission_option, now_text


@click.group()
def mission() -> None:
    """Make and find missions: folders `specs/007-night-shift/` whose work packages `moonmind tasks` moves.

    \b
    moonmind mission new "Night shift"
    moonmind mission list
    moonmind mission show --mission 7
    """


@mission.command()
@click.argument("title")
@click.option("--slug", metavar="WORDS", help="The words of the folder's name; without it, made of TITLE.")
@click.option(
    "--topology", type=click.Choice(["single", "coordination"]), default="single", show_default=True,
    help="Where the log lies: `single`, with all else in the working tree; `coordination`, on a branch of its own, so "
    "that many working trees share it and a protected branch stays as it is.",
)  # fmt: skip
@click.option(
    "--coordination-branch", metavar="NAME",
    help="That branch; without it, missions/SLUG. It is made where there is none.",
)  # fmt: skip
@click.option("--target-branch", metavar="NAME", help="Into which the work is merged; without it, what is checked out.")
@click.option(
    "--protect", "protected_branches", multiple=True, metavar="BRANCH",
    help="A branch to which no command commits. May be given several times.",
)  # fmt: skip
@json_option
def new(**arguments: Any) -> None:
    """Make the folder of a mission: the next number, files to fill in, and an empty log.

    Nothing is committed (but the log of topology `coordination`, on its branch).

    \b
    moonmind mission new "Night shift"
    moonmind mission new "Night shift" --topology coordination --protect main
    """
    from moonmind.missions.commands.mission_new import _do_mission_new

    call(_do_mission_new, now=now_text(), chance=draw_chance(), **arguments)


@mission.command("list")
@json_option
def list_command(**arguments: Any) -> None:
    """List the missions of this repository."""
    from moonmind.missions.commands.mission import _do_mission_list

    call(_do_mission_list, **arguments)


@mission.command()
@mission_option
@json_option
def show(**arguments: Any) -> None:
    """Show a mission: what it is, how far it is, and where its parts lie."""
    from moonmind.missions.commands.mission import _do_mission_show

    call(_do_mission_show, **arguments)
