"""The `moonmind` command. Commands are imported only when called: a start costs what the command needs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import click

from moonmind.cli.output import error_document, print_json
from moonmind.config.errors import SettingsError

COMMANDS: dict[str, str] = {
    "analyze": "moonmind.cli.analyze:analyze",
    "demo": "moonmind.cli.demo:demo",
    "evidence-key": "moonmind.cli.evidence:evidence_key",
    "gates": "moonmind.cli.gates:gates",
    "down": "moonmind.cli.stack:down",
    "up": "moonmind.cli.stack:up",
    "keys": "moonmind.cli.keys:keys",
    "mission": "moonmind.cli.mission:mission",
    "redact": "moonmind.cli.redact:redact",
    "runs": "moonmind.cli.runs:runs",
    "services": "moonmind.cli.services:services",
    "tasks": "moonmind.cli.tasks:tasks",
}
"""Name → where the command lives. Each module imports its heavy parts inside its functions."""


class LazyGroup(click.Group):
    """A group whose commands are modules of their own, loaded by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name].split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        asked_for_json = "--json" in ctx.args
        try:
            return _invoke(super().invoke, ctx)
        except click.ClickException as error:
            if asked_for_json:
                with suppress(OSError):  # a full disk or a reader that went away: stderr and the exit code still tell
                    print_json(error_document(error))
            raise


def _invoke(command: Callable[[click.Context], Any], ctx: click.Context) -> Any:
    try:
        return command(ctx)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="moonmind-orchestrator", prog_name="moonmind")
def main() -> None:
    """Repair a broken service from one instruction: analyze, patch, build, restart, verify, and rollback.

    \b
    A first look:   moonmind demo
    Every day:      moonmind up                       (the whole stack on this machine; Ctrl-C stops it)
                    moonmind services                 (what can be repaired, and how it is)
                    moonmind runs create --service shop --wait "fix the missing dependency"
    Work packages:  moonmind mission new "Night shift", then moonmind tasks --help   (needs git only)

    Data goes to stdout (with --json as one JSON value, an error too: {"error": CODE, "detail": …}), everything for
    people to stderr.
    Exit: 0 the run succeeded or the question was answered, 1 it ended otherwise, 2 usage or refused, 3 not reachable,
    130 Ctrl-C in --wait (the run goes on). Of mission and tasks: 0 done, 1 refused or failed, 2 usage or no mission.
    """


if __name__ == "__main__":
    sys.exit(main())
