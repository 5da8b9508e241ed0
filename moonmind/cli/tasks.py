"""`moonmind tasks`: the work packages of a mission."""

from __future__ import annotations

from typing import Any

import click

from moonmind.cli.mission_call import call, draw_chance, json_option, mission_option, now_text
from moonmind.missions.lanes import NAMES, Lane, lane_named


def _lane(ctx: click.Context, parameter: click.Parameter, name: str | None) -> Lane | None:
    return None if name is None else lane_named(name)


auto_commit_option = click.option(
    "--auto-commit/--no-auto-commit",
    default=True,
    help="Commit what was changed (the default), or leave it in the working tree for you to commit.",
)
tracker_option = click.option(
    "--tracker-ref", "tracker_refs", multiple=True, metavar="REF",
    help="An issue elsewhere, such as `#12` or `ABC-12`. May be given several times.",
)  # fmt: skip


@click.group()
def tasks() -> None:
    """Move the work packages of a mission through its lanes, and see where they are.

    \b
    planned → claimed → in_progress (or: doing) → for_review → in_review → approved → done
    beside it: blocked, canceled

    \b
    moonmind mission new "Night shift"              make a mission, then write its tasks.md
    moonmind tasks finalize-tasks                   check tasks.md and copy it into the packages
    moonmind tasks status                           the board: what is ready, what waits for what
    moonmind tasks move-task WP01 --to claimed --agent kim

    Works offline, in any git repository. Exit: 0 done, 1 refused or failed and nothing was changed, 2 usage, or the
    mission is not found or ambiguous.
    """


@tasks.command("move-task")
@click.argument("task_id")
@click.option("--to", required=True, type=click.Choice(NAMES), callback=_lane, help="The lane; `doing` is in_progress.")
@click.option("--agent", metavar="NAME", help="Who acts; without it, git's user.name.")
@click.option("--assignee", metavar="NAME", help="Who is to do it; kept in the package's file.")
@click.option("--shell-pid", metavar="PID", help="The process that works on it; kept in the package's file.")
@click.option("--note", metavar="TEXT", help="Why: the reason of the event, and a line of the package's history.")
@click.option(
    "--review-feedback-file", metavar="FILE",
    help="What the reviewer found. Needed to reject: a move from a review back to planned or in_progress.",
)  # fmt: skip
@click.option("--approval-ref", metavar="REF", help="Where the approval is written: a link, a pull request.")
@click.option("--reviewer", metavar="NAME", help="Who decided the review; without it, who acts.")
@click.option(
    "--self-review-fallback", is_flag=True,
    help="Allow a review by who holds the package; needs the next two options.",
)  # fmt: skip
@click.option("--intended-reviewer", metavar="NAME", help="Who should have reviewed it.")
@click.option("--reviewer-failure-reason", metavar="TEXT", help="Why they did not.")
@click.option("--done-override-reason", metavar="TEXT", help="Why it is done without being merged.")
@click.option("--force", is_flag=True, help="Pass the table of lanes and its guards; needs --agent and --note.")
@tracker_option
@click.option(
    "--skip-review-artifact-check", is_flag=True,
    help="Move on although the last verdict is a rejection; needs --note.",
)  # fmt: skip
@auto_commit_option
@mission_option
@json_option
def move_task(**arguments: Any) -> None:
    """Move work package TASK_ID to a lane.

    Over several lanes forward it makes every hop, and each hop's guard must hold. A refusal says what is missing and
    changes nothing.

    \b
    moonmind tasks move-task WP01 --to doing --agent kim
    moonmind tasks move-task WP01 --to for_review --agent kim
    moonmind tasks move-task WP01 --to planned --agent ann --review-feedback-file review.md
    moonmind tasks move-task WP01 --to approved --agent ann --approval-ref "#31"
    """
    from moonmind.missions.commands.move_task import _do_move_task

    call(_do_move_task, now=now_text(), chance=draw_chance(), **arguments)


@tasks.command("mark-status")
@click.argument("task_ids", nargs=-1, required=True)
@click.option("--status", required=True, type=click.Choice(["done", "pending"]), help="What they are.")
@auto_commit_option
@mission_option
@json_option
def mark_status(**arguments: Any) -> None:
    """Tell that subtasks TASK_IDS (T001…) are done, or not. An id that is not in tasks.md refuses all.

    \b
    moonmind tasks mark-status T001 T002 --status done
    """
    from moonmind.missions.commands.mark_status import _do_mark_status

    call(_do_mark_status, now=now_text(), chance=draw_chance(), **arguments)


@tasks.command("list-tasks")
@click.option("--lane", type=click.Choice(NAMES), callback=_lane, help="Only those in this lane.")
@mission_option
@json_option
def list_tasks(**arguments: Any) -> None:
    """List the work packages with their lanes.

    \b
    moonmind tasks list-tasks --lane doing
    """
    from moonmind.missions.commands.list_tasks import _do_list_tasks

    call(_do_list_tasks, **arguments)


@tasks.command("add-history")
@click.argument("task_id")
@click.option("--note", required=True, metavar="TEXT", help="What is to be read later.")
@click.option("--agent", metavar="NAME", help="Who says so; without it, git's user.name.")
@click.option("--shell-pid", metavar="PID", help="The process that works on it.")
@mission_option
@json_option
def add_history(**arguments: Any) -> None:
    """Add a line to the history of work package TASK_ID, in its file. It moves nothing and commits nothing.

    \b
    moonmind tasks add-history WP01 --note "the parser takes empty files" --agent kim
    """
    from moonmind.missions.commands.add_history import _do_add_history

    call(_do_add_history, now=now_text(), **arguments)


@tasks.command("finalize-tasks")
@click.option("--validate-only", is_flag=True, help="Only say what would be written; write nothing.")
@mission_option
@json_option
def finalize_tasks(**arguments: Any) -> None:
    """Check tasks.md against the packages' files, and copy dependencies and subtasks into them.

    It refuses cycles, unknown packages, two that own the same file without an order, and requirements that no package
    has. Packages that have left `planned` are left alone. It commits nothing; doing it twice changes nothing.

    \b
    moonmind tasks finalize-tasks --validate-only && moonmind tasks finalize-tasks
    """
    from moonmind.missions.commands.finalize_tasks import _do_finalize_tasks

    call(_do_finalize_tasks, **arguments)


@tasks.command("map-requirements")
@click.option("--wp", metavar="WP", help="The package, with --refs or --tracker-ref.")
@click.option("--refs", metavar="REFS", help="Requirements of spec.md with commas: FR-1,NFR-2,C-3.")
@click.option("--batch", metavar="JSON", help='Many packages at once: {"WP01": ["FR-1"], "WP02": ["FR-2", "C-1"]}.')
@click.option("--replace", is_flag=True, help="Instead of those that a package has; without it, in addition to them.")
@tracker_option
@auto_commit_option
@mission_option
@json_option
def map_requirements(**arguments: Any) -> None:
    """Say which package does what the specification asks for.

    One way a call: --wp with --refs, or --batch, or --wp with --tracker-ref. Every reference of every package is
    checked before the first file is written.

    \b
    moonmind tasks map-requirements --wp WP01 --refs FR-1,FR-2
    moonmind tasks map-requirements --batch '{"WP01": ["FR-1"], "WP02": ["FR-2"]}'
    """
    from moonmind.missions.commands.map_requirements import _do_map_requirements

    call(_do_map_requirements, **arguments)


@tasks.command("validate-workflow")
@click.argument("task_id")
@mission_option
@json_option
def validate_workflow(**arguments: Any) -> None:
    """Say whether the file of work package TASK_ID and its way through the lanes are in order. Exit 1 when not.

    \b
    moonmind tasks validate-workflow WP01
    """
    from moonmind.missions.commands.validate_workflow import _do_validate_workflow

    call(_do_validate_workflow, **arguments)


@tasks.command("status")
@click.option(
    "--stale-threshold", type=click.IntRange(min=1), default=10, show_default=True, metavar="MINUTES",
    help="After how many minutes without an event or a commit a package counts as stale, or a review as stalled.",
)  # fmt: skip
@mission_option
@json_option
def status(**arguments: Any) -> None:
    """Show the board: lanes, progress, what is ready, what waits for what, and what nobody works on.

    \b
    moonmind tasks status
    moonmind tasks status --json --mission 7
    """
    from moonmind.missions.commands.status import _do_status

    call(_do_status, now=now_text(), **arguments)


@tasks.command("list-dependents")
@click.argument("wp_id")
@mission_option
@json_option
def list_dependents(**arguments: Any) -> None:
    """Show what work package WP_ID waits for, and what waits for it.

    \b
    moonmind tasks list-dependents WP01
    """
    from moonmind.missions.commands.list_dependents import _do_list_dependents

    call(_do_list_dependents, **arguments)
