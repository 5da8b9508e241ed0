"""`moonmind analyze`: only the analysis of a fix run, on a folder and a log. Changes nothing, needs no server."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moonmind.schemas.service_profile import ServiceProfile
    from moonmind.schemas.workflow_models import Analysis, LogSource
    from moonmind.workflows.orchestrator.planners import Planner

LOG_LIMIT = 4 * 1024 * 1024
"""Bytes read of each log; of a longer one the end counts, since the last failure does."""

DEFAULT_ALLOW = (
    *("requirements*.txt", "requirements/*.txt", "*requirements.txt", "requirements*.in", "constraints*.txt"),
    *("pyproject.toml", "uv.lock", "poetry.lock"),
    *("package.json", "package-lock.json", "npm-shrinkwrap.json"),
    *("Dockerfile*", "*.Dockerfile", "docker/Dockerfile*"),
)
"""Without a profile: manifests, their lock files, and Dockerfiles."""

UNREACHABLE = 3


@click.command()
@click.option(
    "--workspace",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The service's folder; it is only read.",
)
@click.option(
    "--log",
    "logs",
    required=True,
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="A log of the service, `-` for stdin; several are read from the oldest to the newest.",
)
@click.option("--service", help="Take allow-list, planners and what is installed from this service's profile.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as one JSON object.")
def analyze(workspace: Path, logs: tuple[Path, ...], service: str | None, as_json: bool) -> None:
    """Say what is wrong with a service and which edit would repair it.

    The decision is `edit` (with the exact diff), `explain` (what is wrong, but no edit is safe) or `none`.
    Exit: 0 for every decision, 2 usage, 3 the package index is not reachable.
    """
    profile = _profile(service) if service else None
    decision = _decide(workspace, [_read_log(path) for path in logs], profile, service)
    if as_json:
        click.echo(json.dumps(_as_data(decision), ensure_ascii=False, indent=2))
    else:
        _report(decision)


def _decide(workspace: Path, sources: list[LogSource], profile: ServiceProfile | None, service: str | None) -> Analysis:
    from moonmind.schemas.workflow_models import ServiceFacts
    from moonmind.workflows.orchestrator.analysis import Subject, python_of
    from moonmind.workflows.orchestrator.analysis import analyze as decide
    from moonmind.workflows.orchestrator.knowledge import make_knowledge
    from moonmind.workflows.orchestrator.planners.rules import RULES
    from moonmind.workflows.orchestrator.ports import StepFailedError
    from moonmind.workflows.orchestrator.workspace import LocalWorkspace

    process = profile.process if profile is not None and profile.runtime == "process" else None
    files = LocalWorkspace(workspace)
    try:
        return decide(
            sources=sources,
            subject=Subject(
                workspace=files,
                allow=DEFAULT_ALLOW if profile is None else profile.allow,
                install=None if process is None else process.install,
                facts=ServiceFacts(python=python_of(files) if process is None else None),
            ),
            knowledge=make_knowledge(),
            planners=_planners(service) if service else (RULES,),
        )
    except StepFailedError as error:
        click.echo(f"moonmind analyze: {error.reason}", err=True)
        sys.exit(UNREACHABLE)


def _profile(service: str) -> ServiceProfile:
    from moonmind.config.home import current_home
    from moonmind.config.settings import load_settings

    services = load_settings(current_home(), os.environ).services
    if service not in services:
        known = ", ".join(sorted(services)) or "none"
        raise click.BadParameter(f"unknown service {service!r}; known: {known}", param_hint="--service")
    return services[service]


def _planners(service: str) -> Sequence[Planner]:
    """As a run of the service would ask them."""
    from moonmind.config.home import current_home
    from moonmind.config.known_secrets import make_redactor
    from moonmind.config.settings import load_settings
    from moonmind.workflows.orchestrator.bootstrap import make_planners
    from moonmind.workflows.orchestrator.service_profiles import ServiceCatalog

    settings = load_settings(current_home(), os.environ)
    catalog = ServiceCatalog(settings.home, settings.services)
    return make_planners(settings, catalog, make_redactor(settings, os.environ), service)


def _read_log(path: Path) -> LogSource:
    from moonmind.schemas.workflow_models import LogSource

    with click.open_file(str(path), "rb") as stream:
        content = _tail(stream)
    text = content.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return LogSource(name="stdin" if str(path) == "-" else path.name, text=text)


def _tail(stream: Any) -> bytes:
    """The last LOG_LIMIT bytes of a stream that may be a pipe; a cut first line is dropped."""
    kept = b""
    cut = False
    while chunk := stream.read(LOG_LIMIT):
        cut = cut or len(kept) + len(chunk) > LOG_LIMIT
        kept = (kept + chunk)[-LOG_LIMIT:]
    return kept.partition(b"\n")[2] if cut else kept


def _as_data(decision: Analysis) -> dict[str, Any]:
    """The fields that other programs rely on; those that do not apply are null."""
    return {
        "decision": decision.decision,
        "findings": [
            finding.model_dump(mode="json", include={"kind", "summary", "evidence"}) for finding in decision.findings
        ],
        "edits": [
            edit.model_dump(mode="json", include={"kind", "file", "name", "version", "reason"})
            for edit in decision.edits
        ],
        "diff": decision.diff,
    }


def _report(decision: Analysis) -> None:
    """For people: the findings and reasons on stderr, the diff, which is data, on stdout."""
    click.echo(f"decision: {decision.decision}", err=True)
    for finding in decision.findings:
        click.echo(f"\n{finding.summary}", err=True)
        for line in finding.evidence:
            click.echo(f"  {line.source}:{line.line}: {line.text}", err=True)
    told = [f"{e.kind} {e.name or 'lines'}{e.version or ''} in {e.file}: {e.reason}" for e in decision.edits]
    for one in dict.fromkeys(told):  # a lock file changes in many places for one reason
        click.echo(f"\n{one}", err=True)
    if not decision.findings:
        click.echo("the logs show no failure that is known here", err=True)
    if decision.diff:
        click.echo(decision.diff, nl=False)
