"""Whatever a service, a command or a person says: no secret of it is in anything that a run keeps."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from moonmind.utils.redaction import Redactor
from moonmind.workflows.orchestrator.ports import Command, Execute, StepFailedError
from moonmind.workflows.orchestrator.repositories import RunStore
from tests.fakes.runtime import MISSING, FakeRuntime
from tests.support.house import BROKEN, House, statuses

KNOWN = "kT9-xY_77qLmZ/pw"
TOKEN = "gh" + "p_" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAbCdE"
KEY = "-----BEGIN " + "PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" * 2 + "\n-----END " + "PRIVATE KEY-----"
SAID = [KNOWN, TOKEN, KEY, base64.b64encode(f"kim:{KNOWN}".encode()).decode(), f"postgres://kim:{KNOWN}@db/shop"]
PARTS = [
    KNOWN,
    KNOWN.replace("/", "%2F"),
    TOKEN,
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
    base64.b64encode(KNOWN.encode()).decode()[4:12],
]
HARMLESS = "sha256:" + "0123456789abcdef" * 4

TALKS = """
import sys, time
for piece in sys.argv[1]:
    sys.stdout.write(piece)
    sys.stdout.flush()
"""


@dataclass
class LeakyRuntime(FakeRuntime):
    """Its log and its build say secrets, byte by byte; `reason` is what a failing build gives."""

    reason: str | None = None

    def build(self, execute: Execute) -> None:
        execute(Command((sys.executable, "-c", TALKS, "\n".join([*SAID, HARMLESS]))))
        if self.reason is not None:
            raise StepFailedError("build_failed", self.reason)
        super().build(execute)


@pytest.fixture
def house(tmp_path: Path, database: Engine) -> Iterator[House]:
    house = House(tmp_path, database)
    house.runtime = LeakyRuntime(house.manifest, log="\n".join(SAID) + "\n" + MISSING)
    redactor = Redactor([("shop-password", KNOWN)])
    house.tools = replace(
        house.tools,
        redactor=redactor,
        store=RunStore(database, house.tools.signer, redactor),
        artifacts=replace(house.tools.artifacts, redactor=redactor),  # type: ignore[type-var]
    )
    return house


def everything(house: House, run: object) -> str:
    """All that is kept of runs, in rows and in files but the pre-images."""
    tables = ("orchestrator_runs", "orchestrator_action_plans", "spec_workflow_task_states", "run_events", "outbox")
    with house.database.connect() as connection:
        rows = [
            connection.execute(text(f"SELECT to_jsonb(t)::text FROM {table} t")).scalars().all() for table in tables
        ]
    files = house.files(run)  # type: ignore[arg-type]
    kept = [content.decode() for path, content in files.items() if not path.startswith("pre-images/")]
    return "\n".join([row for table in rows for row in table] + kept)


def test_what_commands_and_services_say_is_masked_in_all_that_is_kept(house: House) -> None:
    run = house.submit(f"fix the missing dependency, the password={KNOWN} and {TOKEN}")
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"
    kept = everything(house, run)
    assert not [part for part in PARTS if part in kept]
    build = house.files(run)["build.log"].decode()
    for mask in ("[redacted:shop-password]", "[redacted:github-token]", "[redacted:private-key]", HARMLESS):
        assert mask in build
    assert f"$ {sys.executable} -c" in build
    assert "[redacted:shop-password]" in house.detail(run)["instruction"]
    json.loads(house.files(run)["plan.json"])


def test_why_a_step_failed_is_masked_before_it_is_cut(house: House) -> None:
    assert isinstance(house.runtime, LeakyRuntime)
    house.runtime.reason = "x" * 490 + f" {TOKEN} {KNOWN}"  # the token begins before the 500th character
    run = house.submit()
    house.deliver()
    detail = house.detail(run)
    assert detail["failure"]["code"] == "build_failed"
    assert TOKEN[:8] not in everything(house, run)
    assert not [part for part in PARTS if part in everything(house, run)]


def test_an_exception_of_ours_is_masked_in_the_log(house: House) -> None:
    house.runtime.fails["restart"] = RuntimeError(f"cannot reach postgres://kim:{KNOWN}@db")  # type: ignore[assignment]
    run = house.submit()
    house.deliver()
    log = house.files(run)["restart.log"].decode()
    assert "RuntimeError: cannot reach postgres://kim:[redacted:shop-password]@db" in log
    assert not [part for part in PARTS if part in everything(house, run)]


def test_what_anybody_adds_to_the_record_is_masked(house: House) -> None:
    run = house.submit()
    with house.tools.store.transaction() as runs:
        runs.lock(run)
        runs.add_event(run, "kim", "noted", {"comment": f"it is {KNOWN}", "more": [{"dsn": f"amqp://kim:{TOKEN}@mq"}]})
    (event,) = house.events(run, "noted")
    assert event["payload"]["comment"] == "it is [redacted:shop-password]"
    assert not [part for part in PARTS if part in everything(house, run)]


def test_a_file_that_holds_a_secret_is_restored_with_it_and_shown_without(house: House) -> None:
    with_secret = (
        b"--index-url https://kim:" + KNOWN.encode().replace(b"/", b"%2F") + b"@index.example/simple\n" + BROKEN
    )
    house.manifest.write_bytes(with_secret)
    house.runtime.works = lambda text: False
    run = house.submit()
    house.deliver()
    assert house.detail(run)["status"] == "rolled_back"
    assert house.manifest.read_bytes() == with_secret
    assert house.files(run)["pre-images/requirements.txt"] == with_secret
    assert not [part for part in PARTS if part in everything(house, run)]


def test_a_change_that_would_write_a_secret_stops_the_run_before_anything_is_touched(house: House) -> None:
    house.tools = replace(house.tools, redactor=Redactor([("deploy-key", "python-dateutil")]))
    run = house.submit()
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["failure"]["code"]) == ("failed", "secret_in_patch")
    assert detail["failure"]["reason"] == "the change would write a secret (deploy-key) into requirements.txt"
    assert statuses(detail)["analyze"] == "failed"
    assert house.manifest.read_bytes() == BROKEN
    assert "restore_point" not in house.runtime.calls
    assert "patch_preview.diff" not in house.files(run)


def test_a_secret_that_stands_in_the_file_already_stops_nothing(house: House) -> None:
    house.manifest.write_bytes(
        BROKEN + b"shop @ https://kim:" + KNOWN.encode().replace(b"/", b"%2F") + b"@git.example/x\n"
    )
    run = house.submit()
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"
