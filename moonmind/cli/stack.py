"""`moonmind up` and `moonmind down`: the embedded stack for daily use on one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from moonmind.cli.output import json_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moonmind.cli.progress import Progress
    from moonmind.config.settings import Settings
    from moonmind.embedded.stack import Stack


@click.command()
@click.option("--detach", is_flag=True, help="Return when it is up and leave it running; `moonmind down` stops it.")
@json_option
def up(detach: bool, as_json: bool) -> None:
    """Start the stack on this machine: PostgreSQL, API, worker and every service of runtime `process`.

    Stays until Ctrl-C, which stops all of it. State lies in var/ below home. Prints where the API answers.
    """
    import os

    from moonmind.cli.local import end_on_signals, stack_up
    from moonmind.cli.progress import progress
    from moonmind.config.home import current_home
    from moonmind.config.settings import load_settings

    settings = load_settings(current_home(), os.environ)
    end_on_signals()
    with progress() as tell:
        started: list[str] = []

        def meanwhile() -> None:
            started.extend(_start_services(settings, tell))

        port = settings.api.port
        with stack_up(settings, os.environ, tell, port=port, stays=detach, meanwhile=meanwhile) as stack:
            _wait_for_services(settings, started, tell)
            tell.done()
            _say_where(stack, tell, as_json)
            if not detach:
                _stay(stack)


@click.command()
@json_option
def down(as_json: bool) -> None:
    """Stop the stack of this home, wherever it was started."""
    from moonmind.cli.local import stop_stack
    from moonmind.cli.output import print_json
    from moonmind.config.home import current_home

    stopped = stop_stack(current_home())
    if as_json:
        print_json({"stopped": stopped})
    click.echo("stopped" if stopped else "nothing was up", err=True)


def _start_services(settings: Settings, tell: Progress) -> Iterator[str]:
    """Each service with the environment it has, or a new one; yields the names of those that started. One that cannot
    start does not hold up the others."""
    from moonmind.cli.demo_service import WORKSPACE, DemoService, source_folder
    from moonmind.cli.local import prepare
    from moonmind.embedded.programs import process_services
    from moonmind.workflows.orchestrator.ports import StepFailedError

    for name in process_services(settings):
        workspace = settings.home / settings.services[name].workspace
        if (
            workspace == settings.home / WORKSPACE
            and not workspace.exists()
            and (source := source_folder(settings.home))
        ):
            DemoService(source, workspace).copy_afresh()
        if not workspace.is_dir():
            tell.say(f"service {name} is left out: there is no folder {workspace}", style="yellow")
            continue
        tell(f"service {name}")
        try:
            prepare(settings, name, tell, rebuild=False)
        except StepFailedError as error:
            tell.say(f"service {name} does not run: {error.reason}", style="yellow")
        else:
            yield name


def _wait_for_services(settings: Settings, names: list[str], tell: Progress) -> None:
    """Until each is healthy; of one that is not in time, say what is wrong and go on: it is what the stack is for."""
    from moonmind.config.places import ServicePlace
    from moonmind.workflows.orchestrator.local_services import wait_for_health

    for name in names:
        tell(f"service {name} answers")
        if complaint := wait_for_health(settings, name):
            log = ServicePlace(settings.home, name).log
            tell.failed()
            tell.say(f"service {name} is not healthy: {complaint}; its log: {log}", style="yellow")


def _say_where(stack: Stack, tell: Progress, as_json: bool) -> None:
    from moonmind.cli.output import print_json

    key, var = stack.settings.var / "admin.key", stack.settings.var
    tell.say(f"up at {stack.url} (documentation: {stack.url}/docs); admin key in {key}, logs in {var / 'log'}")
    if as_json:
        print_json({"url": stack.url, "admin_key_file": str(key), "services": dict(stack.ports)})
    else:
        click.echo(stack.url)


def _stay(stack: Stack) -> None:
    """Until Ctrl-C, or until somebody else stops the stack."""
    assert stack.child is not None
    try:
        code = stack.child.wait()
    except KeyboardInterrupt:
        return
    if code != 0:
        raise click.ClickException(f"the supervisor ended unexpectedly ({code}); stopping the rest")
