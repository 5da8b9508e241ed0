"""The documents are true: contract, data model, commands and file names are held against the code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

import scripts.export_openapi as export
from api_service.db.fix_memory import OrchestratorFix
from moonmind.cli.main import main

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "specs" / "005-orchestrator-architecture"
COMMAND_PAGES = ("README.md", "CONTRIBUTING.md", "specs/005-orchestrator-architecture/quickstart.md")
LONG_NAMES = {"TIMESTAMP WITH TIME ZONE": "timestamptz"}

NAMED_FILES = (
    *("docker-compose.yaml", "docker-compose.job.yaml", "docker-compose.test.yaml", "alembic.ini", "config.toml"),
    *(".env-template", ".env.vllm-template", "pyproject.toml", ".pre-commit-config.yaml", ".ci/run", "LICENSE"),
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/decisions/README.md", "docs/OrchestratorArchitecture.md"),
    *("api_service/main.py", "api_service/api/schemas.py", "api_service/api/routers/orchestrator.py"),
    *("api_service/db/models.py", "moonmind/schemas/workflow_models.py", "moonmind/utils/logging.py"),
    *("moonmind/workflows/orchestrator/action_plan.py", "moonmind/workflows/orchestrator/celeryconfig.py"),
    *("moonmind/workflows/orchestrator/command_runner.py", "moonmind/workflows/orchestrator/metrics.py"),
    *("moonmind/workflows/orchestrator/policies.py", "moonmind/workflows/orchestrator/repositories.py"),
    *("moonmind/workflows/orchestrator/serializers.py", "moonmind/workflows/orchestrator/service_profiles.py"),
    *("moonmind/workflows/orchestrator/storage.py", "moonmind/workflows/orchestrator/tasks.py"),
    *(f"services/orchestrator/{name}" for name in ("Dockerfile", "entrypoint.sh", "requirements.txt")),
    *(f"specs/005-orchestrator-architecture/{name}.md" for name in ("spec", "plan", "data-model", "quickstart")),
    *("specs/005-orchestrator-architecture/contracts/openapi.json", ".github/workflows/pytest-unit-tests.yml"),
    "tests/integration/orchestrator/test_autonomous_run.py",
)


@pytest.mark.parametrize("name", NAMED_FILES)
def test_each_named_file_is_at_its_place(name: str) -> None:
    assert (ROOT / name).is_file()


def test_the_migration_of_the_tables_is_there() -> None:
    assert list((ROOT / "api_service/migrations/versions").glob("*_add_orchestrator_tables.py"))


def test_the_committed_openapi_is_the_apps_own() -> None:
    assert export.TARGET.read_text(encoding="utf-8") == export.render_openapi(), "call `make openapi`"


def test_the_data_model_names_every_table_and_column_as_it_is() -> None:
    assert documented_tables() == {
        table.name: {column.name: (_type(column.type), column.nullable) for column in table.columns}
        for table in OrchestratorFix.metadata.sorted_tables
    }


def documented_tables() -> dict[str, dict[str, tuple[str, bool]]]:
    """Table → column → (type, nullable) as data-model.md has it."""
    parts = re.split(r"^## `(\w+)`$", (SPEC / "data-model.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    row = re.compile(r"^\| `(\w+)` \| ([a-z\[\]]+) \| (yes)? ?\|", re.MULTILINE)
    return {
        table: {name: (kind, bool(nullable)) for name, kind, nullable in row.findall(body)}
        for table, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def _type(kind: TypeEngine[Any]) -> str:
    name = kind.compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]
    return LONG_NAMES.get(name, name.lower())


def printed_commands(page: str) -> Iterator[str]:
    """Commands that begin with `moonmind` in code blocks and code spans, comments and prompts taken off."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:bash|console)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    spans = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    for candidate in (*lines, *(" ".join(span.split()) for span in spans)):
        if found := re.match(r"(?:\$ |echo .* \| )?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?(moonmind .*)", candidate.strip()):
            yield found[1]


def test_every_link_between_the_documents_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *SPEC.glob("*.md")]
    links = [(page, target) for page in pages for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())]
    assert len(links) > len(pages)
    assert [f"{page}: {target}" for page, target in links if not (page.parent / target).exists()] == []


@cache
def all_printed() -> tuple[tuple[str, str], ...]:
    return tuple((page, command) for page in COMMAND_PAGES for command in printed_commands(page))


@pytest.mark.parametrize("page", COMMAND_PAGES)
def test_each_page_prints_commands(page: str) -> None:
    assert any(of == page for of, _ in all_printed())


@pytest.mark.parametrize(("page", "line"), all_printed())
def test_each_printed_command_exists_with_its_options(page: str, line: str) -> None:
    command, path = _walk(shlex.split(line, comments=True)[1:])
    given = [word.partition("=")[0] for word in path if word.startswith("-") and word != "-"]
    known = {name for parameter in command.params for name in parameter.opts} | {"--help", "-h", "--version"}
    assert set(given) <= known, f"{page}: {line}"


def _walk(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that these words name, and what is left of them."""
    command: click.Command = main
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"there is no `{words[0]}`"
        command, words = found, words[1:]
    return command, words
