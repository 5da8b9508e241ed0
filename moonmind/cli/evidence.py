"""Evidence of runs: downloading it, and checking it far away from the installation that it is about."""

from __future__ import annotations

import os
import re
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from moonmind.cli.output import json_option

if TYPE_CHECKING:
    from moonmind.evidence.keys import PublicKey
    from moonmind.evidence.report import Report
    from moonmind.evidence.verify import Trust

RUNS = "/orchestrator/runs"
KEY = "/orchestrator/evidence-key"
EVIDENCE_PUB = Path("var") / "evidence.pub"
FINGERPRINT = re.compile(r"[0-9a-fA-F]{64}")
LARGEST_KEY_FILE = 10_000
NO_KEY = (
    "whose signature counts? There is no {file}.\n"
    "Name the installation's key with --key: its evidence.pub, or its fingerprint, which `moonmind evidence-key` "
    "prints there (over HTTP: GET /orchestrator/evidence-key). Take it on another way than the bundle."
)


@click.command()
@click.argument("run_id")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Default: run-ID.evidence.tar")
def evidence(run_id: str, output: Path | None) -> None:
    """Download all evidence of a run as one signed file.

    \b
    moonmind runs evidence 6f1c
    moonmind runs evidence 6f1c -o ticket-17.tar

    A plain tar: plan, diff, logs, approvals, the run's record and a signed manifest. Copies of files from before the
    change are in it by checksum only. Prints the file's name; a file that is there already is never replaced. RUN_ID
    may be shortened. Exit: 0 saved, 2 refused, 3 the API does not answer.
    """
    from moonmind.cli.client import RefusedError, make_client
    from moonmind.cli.run_view import find_run

    client = make_client()
    run = find_run(client, run_id)["run_id"]
    target = output or Path(f"run-{run}.evidence.tar")
    if target.exists():
        raise RefusedError(f"{target} is there already: name another file with -o")
    beside = target.with_name(f".{target.name}.{secrets.token_hex(8)}.part")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            client.save(f"{RUNS}/{run}/evidence", file)
        os.link(beside, target)
    except OSError as error:
        raise RefusedError(f"{target} cannot be written: {error.strerror}") from None
    finally:
        beside.unlink(missing_ok=True)
    click.echo(target)
    click.echo(f"check it, on any machine: moonmind runs verify {target}", err=True)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="FILE|FINGERPRINT",
    help="Whose signature counts; may be given several times.",
)
@json_option
def verify(file: Path, keys: tuple[str, ...], as_json: bool) -> None:
    """Check a run's evidence. Needs no API, no database and no network.

    \b
    moonmind runs verify run-6f1c….evidence.tar
    moonmind runs verify ticket-17.tar --key 3f6a… (64 digits)
    moonmind runs verify ticket-17.tar --key their-evidence.pub

    Looks at every byte: the signed manifest, the chain of the record and its signed head, and whether run, plan, steps,
    approvals, files and diff tell the same story. Without --key this home's var/evidence.pub is trusted; the key inside
    the file never is. Exit: 0 all is right, 1 it is not (each finding is named), 2 usage.
    """
    from moonmind.cli.output import print_json
    from moonmind.evidence.verify import verify_bundle

    trust = _trust(keys)
    with file.open("rb") as stream:
        report = verify_bundle(stream, trust)
    print_json({"file": str(file), **report.as_json()}) if as_json else _print_report(report, file)
    sys.exit(0 if report.ok else 1)


@click.command("evidence-key")
@click.option("--pem", is_flag=True, help="Print the public key instead of its fingerprint.")
@json_option
def evidence_key(pem: bool, as_json: bool) -> None:
    """Print the fingerprint of the key that signs this installation's evidence.

    \b
    moonmind evidence-key
    moonmind evidence-key --pem > evidence.pub

    Whoever verifies evidence elsewhere gives it to `moonmind runs verify --key`.
    """
    from moonmind.cli.client import make_client
    from moonmind.cli.output import print_json

    key: Any = make_client().get(KEY)
    if as_json:
        print_json(key)
    else:
        click.echo(key["public_key"].rstrip() if pem else key["key_id"])


def _trust(named: tuple[str, ...]) -> Trust:
    """The keys that were named, else this home's."""
    from moonmind.config.home import current_home
    from moonmind.evidence.verify import Trust

    prints = frozenset(name.lower() for name in named if FINGERPRINT.fullmatch(name))
    files = [Path(name) for name in named if not FINGERPRINT.fullmatch(name)]
    if not named:
        files = [current_home() / EVIDENCE_PUB]
        if not files[0].is_file():
            raise click.UsageError(NO_KEY.format(file=files[0]))
    return Trust(tuple(map(_read_key, files)), prints)


def _read_key(file: Path) -> PublicKey:
    from moonmind.evidence.keys import KeyFormError, PublicKey

    try:
        with file.open("rb") as stream:
            return PublicKey.from_pem(stream.read(LARGEST_KEY_FILE))
    except OSError as error:
        why = f"cannot be read ({error.strerror}), and it is no fingerprint of 64 hexadecimal digits"
        raise click.UsageError(f"--key {file}: {why}") from None
    except KeyFormError as error:
        raise click.UsageError(f"--key {file}: {error}") from None


def _print_report(report: Report, file: Path) -> None:
    """What was looked at, line by line; what is not right below its line."""
    from moonmind.cli.output import console, one_line

    screen = console(stderr=False)
    for check in report.checks:
        mark, style = ("✔", "green") if check.ok else ("✘", "red")
        screen.print(f"[{style}]{mark}[/] {check.title:9} ", end="")
        screen.print(one_line(check.seen), markup=False)
        for finding in check.findings:
            screen.print(f"    {one_line(finding)}", style="red", markup=False)
        for note in check.notes:
            screen.print(f"    {one_line(note)}", style="dim", markup=False)
    count = len(report.findings)
    said = "all is right" if report.ok else f"{count} {'finding' if count == 1 else 'findings'}: do not rely on it"
    screen.print(f"{file}: {said}", style="bold green" if report.ok else "bold red", markup=False)
