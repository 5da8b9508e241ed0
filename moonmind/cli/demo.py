"""`moonmind demo`: breaks a copy of the demo service, and lets one instruction over HTTP repair it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from moonmind.cli.demo_service import DemoService
    from moonmind.cli.progress import Progress
    from moonmind.config.settings import Settings

DEFAULT_PACKAGE = "python-dateutil"


@click.command()
@click.option("--keep", is_flag=True, help="Leave the stack up at the end; `moonmind down` stops it.")
@click.option("--remove", metavar="NAME", default=DEFAULT_PACKAGE, show_default=True, help="The package to take away.")
def demo(keep: bool, remove: str) -> None:
    """Break the demo service and watch one instruction repair it.

    Works on a copy in var/demo/ and on free ports. Prints one JSON object on stdout. Exit: 0 the run succeeded and the
    service answered, 1 otherwise.
    """
    import os

    from moonmind.cli.demo_show import show
    from moonmind.cli.local import end_on_signals, stack_up
    from moonmind.cli.output import print_json
    from moonmind.cli.progress import progress

    settings, env = _settings(os.environ)
    service = _service(settings)
    package = _choose(service.packages(), remove)
    end_on_signals()
    with progress() as tell:
        _make_way(settings, tell)
        with stack_up(settings, env, tell, port=0, stays=keep, meanwhile=lambda: None) as stack:
            _mark_as_demo(settings)
            shown = show(stack, service, package, tell)
            if keep:
                tell.say(f"left up: service {shown.url}, API {stack.url}/docs; `moonmind down` stops it")
    print_json(shown.as_json())
    sys.exit(0 if shown.is_good else 1)


def _settings(env: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    """The home's settings, and the environment that makes every process of the stack see the same service."""
    from moonmind.cli.demo_service import NAME, WORKSPACE
    from moonmind.config.home import current_home
    from moonmind.config.settings import load_settings

    known = load_settings(current_home(), env)
    if NAME not in known.services or known.services[NAME].process is None:
        raise click.ClickException(
            f"the demo needs the table [services.{NAME}.process] as in the project's config.toml; {known.home} has none"
        )
    table = f"MOONMIND_SERVICES__{NAME.upper()}__"
    chosen = {**env, f"{table}RUNTIME": "process", f"{table}WORKSPACE": WORKSPACE}
    return load_settings(current_home(), chosen), chosen


def _service(settings: Settings) -> DemoService:
    from moonmind.cli.demo_service import NAME, WORKSPACE, DemoService, source_folder

    source = source_folder(settings.home)
    if source is None:
        raise click.ClickException(f"services/{NAME} is not here: the demo needs a clone of the project")
    return DemoService(source, settings.home / WORKSPACE)


def _choose(packages: list[str], wanted: str) -> str | None:
    """The package as the manifest spells it. None when the default one is gone already: then that is what is shown."""
    from moonmind.cli.demo_service import same_package

    found = next((package for package in packages if same_package(package, wanted)), None)
    if found is None and wanted != DEFAULT_PACKAGE:
        raise click.BadParameter(f"the service needs {', '.join(packages)}; not {wanted}", param_hint="--remove")
    return found


def _make_way(settings: Settings, tell: Progress) -> None:
    """A stack that an earlier demo left up gives way; one that is there for work does not."""
    from moonmind.cli.local import stop_stack
    from moonmind.embedded.stack import running

    if (record := running(settings.home)) is not None:
        mark = _mark_file(settings)
        if not mark.exists() or mark.read_text(encoding="ascii") != record.started:
            raise click.ClickException(
                f"a stack is up here, at {record.url}: the demo would take its place. Stop it first: `moonmind down`"
            )
        tell(f"stopping the stack that is up at {record.url}")
        stop_stack(settings.home)


def _mark_as_demo(settings: Settings) -> None:
    from moonmind.embedded.record import read_record

    record = read_record(settings.home)
    assert record is not None  # written when the stack came up
    _mark_file(settings).write_text(record.started, encoding="ascii")


def _mark_file(settings: Settings) -> Path:
    """Says which start of the stack was a demo's."""
    return settings.var / "demo-stack"
