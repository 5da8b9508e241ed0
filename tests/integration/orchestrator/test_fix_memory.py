"""The memory of fixes over a real PostgreSQL: noted with a plan, settled once, counted over all services."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, func, insert, inspect, select

from api_service.db.fix_memory import OrchestratorFix
from api_service.db.models import OrchestratorRun
from moonmind.schemas.workflow_models import Edit, EvidenceLine, Finding
from moonmind.workflows.orchestrator.fingerprints import fingerprint
from moonmind.workflows.orchestrator.fix_memory_rows import note_fix, remembered, settle_end, settle_round

ROOT = Path(__file__).parents[3]


@pytest.fixture
def connection(database: Engine) -> Iterator[Connection]:
    """A transaction that is never committed."""
    with database.connect() as opened:
        yield opened


def run(connection: Connection) -> UUID:
    number = uuid.uuid4()
    fields = {"instruction": "repair", "requester": "kim", "artifact_root": "r", "request_digest": "d", "queue": "q"}
    row = {"id": number, "kind": "fix", "status": "running", "lock_group": str(number), "target_service": "shop"}
    connection.execute(insert(OrchestratorRun).values({**row, **fields, "next_step": "patch"}))
    return number


def missing(module: str) -> Finding:
    line = EvidenceLine(source="shop.log", line=3, text=f"ModuleNotFoundError: No module named '{module}'")
    return Finding(kind="python_module_missing", subject=module, summary="missing", evidence=(line,))


def adding(name: str) -> list[Edit]:
    return [Edit(kind="requirement_add", file="requirements.txt", name=name, version="==1", reason="r")]


def noted(connection: Connection, module: str, name: str, *, number: int = 1, of: UUID | None = None) -> UUID:
    made = of or run(connection)
    note_fix(connection, made, number, "shop", [missing(module)], adding(name), "system")
    return made


def known(connection: Connection, module: str) -> list[tuple[str | None, int, int, UUID | None]]:
    found = remembered(connection, fingerprint(missing(module)))
    return [(one.edits[0].name, one.repaired, one.tried, one.last_run) for one in found]


def test_what_is_open_is_not_remembered(connection: Connection) -> None:
    noted(connection, "yaml", "PyYAML")
    assert known(connection, "yaml") == []


def test_a_run_that_succeeds_repaired_what_it_noted(connection: Connection) -> None:
    number = noted(connection, "yaml", "PyYAML")
    settle_end(connection, number, "repaired")
    assert known(connection, "yaml") == [("PyYAML", 1, 1, number)]


def test_a_run_that_ends_otherwise_did_not(connection: Connection) -> None:
    number = noted(connection, "yaml", "PyYAML")
    settle_end(connection, number, "not_repaired")
    assert known(connection, "yaml") == [("PyYAML", 0, 1, number)]


def test_a_run_that_tried_nothing_teaches_nothing(connection: Connection) -> None:
    number = noted(connection, "yaml", "PyYAML")
    settle_end(connection, number, None)
    assert known(connection, "yaml") == []


def test_a_later_round_settles_what_it_sees_no_more_and_what_it_still_sees(connection: Connection) -> None:
    number = run(connection)
    note_fix(connection, number, 1, "shop", [missing("yaml"), missing("toml")], adding("PyYAML"), "llm")
    settle_round(connection, number, {fingerprint(missing("toml"))})
    noted(connection, "toml", "toml", number=2, of=number)
    settle_end(connection, number, "repaired")
    assert known(connection, "yaml") == [("PyYAML", 1, 1, number)]
    assert sorted(known(connection, "toml")) == [("PyYAML", 0, 1, number), ("toml", 1, 1, number)]


def test_a_settled_row_stays(connection: Connection) -> None:
    number = noted(connection, "yaml", "PyYAML")
    settle_end(connection, number, "repaired")
    settle_end(connection, number, "not_repaired")
    noted(connection, "yaml", "other", of=number)
    assert known(connection, "yaml") == [("PyYAML", 1, 1, number)]


def test_an_analysis_that_is_done_again_is_noted_once(connection: Connection) -> None:
    number = noted(connection, "yaml", "first")
    noted(connection, "yaml", "second", of=number)
    settle_end(connection, number, "repaired")
    assert known(connection, "yaml") == [("second", 1, 1, number)]


def test_another_run_is_not_settled_along(connection: Connection) -> None:
    one, other = noted(connection, "yaml", "PyYAML"), noted(connection, "yaml", "PyYAML")
    settle_end(connection, one, "repaired")
    assert known(connection, "yaml") == [("PyYAML", 1, 1, one)]
    settle_end(connection, other, "repaired")
    assert [entry[:3] for entry in known(connection, "yaml")] == [("PyYAML", 2, 2)]


def test_the_newest_fifty_count(connection: Connection) -> None:
    for _ in range(52):
        settle_end(connection, noted(connection, "yaml", "PyYAML"), "repaired")
    assert [entry[:3] for entry in known(connection, "yaml")] == [("PyYAML", 50, 50)]


def test_nothing_done_is_nothing_noted(connection: Connection) -> None:
    number = run(connection)
    note_fix(connection, number, 1, "shop", [], adding("PyYAML"), "system")
    note_fix(connection, number, 1, "shop", [missing("yaml")], [], "system")
    assert connection.execute(select(func.count()).select_from(OrchestratorFix)).scalar() == 0


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["repaired", "not_repaired", None])), max_size=12))
def test_counts_are_those_of_what_happened(database: Engine, history: list[tuple[str, str | None]]) -> None:
    with database.connect() as connection:  # a transaction of this example's own, never committed
        for name, outcome in history:
            settle_end(connection, noted(connection, "yaml", name), outcome)  # type: ignore[arg-type]  # sampled above
        found = {name: (repaired, tried) for name, repaired, tried, _ in known(connection, "yaml")}
    settled = [(name, outcome) for name, outcome in history if outcome]
    assert found == {
        name: (settled.count((name, "repaired")), sum(one == name for one, _ in settled)) for name, _ in settled
    }


def test_the_migration_goes_down_and_up(database: Engine, database_url: str) -> None:
    environment = {**os.environ, "MOONMIND_DATABASE__URL": database_url, "MOONMIND_HOME": "/nonexistent"}

    def alembic(*arguments: str) -> None:
        subprocess.run([sys.executable, "-m", "alembic", *arguments], cwd=ROOT, env=environment, check=True)

    alembic("downgrade", "e19b52c6f0a4")
    assert not inspect(database).has_table("orchestrator_fixes")
    alembic("upgrade", "head")
    alembic("check")
