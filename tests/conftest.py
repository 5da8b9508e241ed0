"""Fixtures for all tests: a PostgreSQL for the session, a migrated database of its own for each test that asks.

The server is the embedded one; `MOONMIND_TEST_DATABASE_URL` names another (its user may create databases).
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, make_url, text

from api_service.db.session import make_engine
from moonmind.embedded.postgres import Postgres
from tests.servers import STATSD
from tests.support.chromium import find_chromium

ROOT = Path(__file__).parent.parent
_numbers = itertools.count()

NEEDS = {
    "docker": "a Docker engine with Compose v2: install and start one, so that `docker info` works",
    "rabbitmq": "RabbitMQ, which docker-compose.test.yaml starts: install and start a Docker engine with Compose v2",
    "npm": "npm: install Node.js with it",
    "statsd": "a StatsD daemon: `scripts/install-statsd.sh` puts one into var/statsd, with npm",
    "poetry": "Poetry: `scripts/install-poetry.sh` puts one into var/poetry",
    "browser": "Chromium: apt-get install chromium, or another system's package of it",
}
"""Markers of tests that not every machine can run, and how to have what they need."""
LONGEST_FIRST = ("e2e", "integration", "contract")
"""Folders by what one of their tests takes: minutes, seconds, tenths of one."""
REQUIRED = frozenset(filter(None, os.environ.get("MOONMIND_REQUIRE", "").split(",")))


def pytest_configure() -> None:
    """A shell that puts the suite in the background has it ignore Ctrl-C, and the programs under test with it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@cache
def has_docker() -> bool:
    """Whether an engine answers and knows Compose v2."""
    questions = (["docker", "info"], ["docker", "compose", "version"])
    try:
        return all(subprocess.run(q, capture_output=True, timeout=30, check=False).returncode == 0 for q in questions)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


PARTS: Mapping[str, Callable[[], bool]] = {
    "npm": lambda: shutil.which("npm") is not None,
    "statsd": lambda: STATSD.is_file() and shutil.which("node") is not None,
    "poetry": lambda: (ROOT / "var" / "poetry" / "bin" / "poetry").is_file(),
    "browser": lambda: find_chromium() is not None,
}
"""What is looked for where it is no part of Docker."""


def has(need: str) -> bool:
    """Whether this machine has what the marker asks for."""
    return PARTS.get(need, has_docker)()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this machine cannot run; `MOONMIND_REQUIRE=docker,rabbitmq,browser` has it run, and fail. Workers
    begin with what takes long, so that they end together."""
    if hasattr(config, "workerinput"):
        items.sort(key=_folder_rank)
    if unknown := REQUIRED - set(NEEDS):
        raise pytest.UsageError(f"MOONMIND_REQUIRE knows {', '.join(NEEDS)}; not {', '.join(sorted(unknown))}")
    for item in items:
        for name, need in NEEDS.items():
            if item.get_closest_marker(name) and name not in REQUIRED and not has(name):
                item.add_marker(pytest.mark.skip(reason=f"needs {need}"))


def _folder_rank(item: pytest.Item) -> int:
    folder = item.path.relative_to(ROOT / "tests").parts[0]
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out and how to have it."""
    reasons = Counter(str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", ()))
    for need in NEEDS.values():
        if count := sum(number for reason, number in reasons.items() if reason.endswith(f"needs {need}")):
            terminalreporter.write_line(f"LEFT OUT: {count} tests that need {need}", yellow=True)


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server's URL: the given one, or an embedded PostgreSQL of this session's own."""
    if given := os.environ.get("MOONMIND_TEST_DATABASE_URL"):
        yield given
        return
    server = Postgres(tmp_path_factory.mktemp("postgres"), durable=False)
    server.start()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def template(postgres_url: str) -> Iterator[str]:
    """The name of a database migrated by Alembic, from which each test's own is copied."""
    name = f"template_{os.getpid()}"
    with _admin(postgres_url) as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    environment = {
        **os.environ,
        "MOONMIND_DATABASE__URL": _renamed(postgres_url, name),
        "MOONMIND_HOME": "/nonexistent",
    }
    subprocess.run([sys.executable, "-m", "alembic", "upgrade", "head"], cwd=ROOT, env=environment, check=True)
    yield name
    with _admin(postgres_url) as connection:
        connection.execute(text(f"DROP DATABASE {name}"))


@pytest.fixture
def database_url(postgres_url: str, template: str) -> Iterator[str]:
    """The URL of an empty, migrated database that is this test's alone."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with _admin(postgres_url) as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield _renamed(postgres_url, name)
    with _admin(postgres_url) as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:
    """An engine on this test's database."""
    engine = make_engine(database_url, pool_size=5)
    yield engine
    engine.dispose()


def _renamed(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)


@contextmanager
def _admin(url: str) -> Iterator[Connection]:
    """A connection outside transactions, for making and dropping databases."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()
