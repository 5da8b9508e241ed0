"""What is read of runs, over a real PostgreSQL: filters, order, pages, search, last runs, locks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, insert

from api_service.db.models import (
    Approval,
    ApprovalGate,
    OrchestratorActionPlan,
    OrchestratorRun,
    OrchestratorRunArtifact,
    SpecWorkflowTaskState,
)
from moonmind.engine.repository import append_event
from moonmind.utils.redaction import Redactor
from moonmind.workflows.orchestrator import read_models
from moonmind.workflows.orchestrator.read_models import RunFilter
from moonmind.workflows.orchestrator.repositories import JOBS, RunRepository
from tests.fakes.keys import HOUSE_KEY

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def connection(database: Engine) -> Iterator[Connection]:
    """A transaction that is never committed."""
    with database.connect() as opened:
        yield opened


def add_run(connection: Connection, **columns: Any) -> UUID:
    """A run that succeeded at once, at noon, unless `columns` say otherwise."""
    status = columns.get("status", "succeeded")
    is_over = status in ("succeeded", "failed", "rolled_back", "cancelled")
    service = columns.get("target_service", "shop")
    row = {
        "id": uuid.uuid4(),
        "kind": "fix",
        "status": status,
        "queue": "q",
        "lock_group": service,
        "instruction": "fix the missing dependency",
        "target_service": service,
        "requester": "kim",
        "artifact_root": "r",
        "request_digest": "d",
        "queued_at": NOON,
        "next_step": None if is_over else "analyze",
        "completed_at": columns.get("queued_at", NOON) + MINUTE if is_over else None,
    }
    connection.execute(insert(OrchestratorRun).values({**row, **columns}))
    number: UUID = columns.get("id", row["id"])
    return number


def listed(connection: Connection, **wanted: Any) -> list[UUID]:
    return [row["id"] for row in read_models.list_runs(connection, RunFilter(**wanted))]


def runs_of(connection: Connection) -> RunRepository:
    return RunRepository(connection, HOUSE_KEY, Redactor())


# --- lists


def test_runs_are_listed_newest_first(connection: Connection) -> None:
    made = [add_run(connection, queued_at=NOON + number * MINUTE) for number in (2, 0, 3, 1)]
    assert listed(connection) == [made[2], made[0], made[3], made[1]]


def test_a_page_has_one_row_more_when_there_is_a_next_one(connection: Connection) -> None:
    for number in range(5):
        add_run(connection, queued_at=NOON + number * MINUTE)
    assert [len(listed(connection, limit=limit)) for limit in (1, 4, 5, 100)] == [2, 5, 5, 5]


def test_pages_of_runs_with_equal_times_have_each_run_once(connection: Connection) -> None:
    made = {add_run(connection) for _ in range(11)} | {add_run(connection, queued_at=NOON - MINUTE) for _ in range(4)}
    found: list[UUID] = []
    after = None
    while rows := read_models.list_runs(connection, RunFilter(limit=3, after=after))[:3]:
        found += [row["id"] for row in rows]
        after = (rows[-1]["queued_at"], rows[-1]["id"])
    assert len(found) == len(made)
    assert set(found) == made


def test_a_page_goes_on_after_its_cursor_whatever_was_added_or_is_gone(connection: Connection) -> None:
    made = [add_run(connection, queued_at=NOON - number * MINUTE) for number in range(6)]
    cursor = (NOON - 2 * MINUTE, made[2])
    add_run(connection, queued_at=NOON + MINUTE)
    JOBS.change(connection, made[2], {"status": "failed", "failure_code": "x"})
    assert listed(connection, after=cursor) == made[3:]
    assert listed(connection, after=cursor, status=("succeeded",)) == made[3:]
    assert listed(connection, after=(NOON - 2 * MINUTE, uuid.UUID(int=0))) == made[3:]


def test_filters_narrow_together(connection: Connection) -> None:
    wanted = add_run(connection, status="failed", target_service="till", instruction="fix the till")
    add_run(connection, status="failed", target_service="shop", instruction="fix the till")
    add_run(connection, status="succeeded", target_service="till", instruction="fix the till")
    add_run(connection, status="failed", target_service="till", instruction="other")
    add_run(connection, status="failed", target_service="till", instruction="fix the till", queued_at=NOON - MINUTE)
    assert listed(connection, status=("failed",), service="till", text="the till", created_after=NOON) == [wanted]


def test_several_statuses_mean_any_of_them_and_none_means_all(connection: Connection) -> None:
    made = {status: add_run(connection, status=status) for status in ("succeeded", "failed", "pending", "cancelled")}
    assert set(listed(connection, status=("failed", "pending"))) == {made["failed"], made["pending"]}
    assert set(listed(connection)) == set(made.values())
    assert listed(connection, status=("rolled_back",)) == []


def test_a_service_is_named_exactly(connection: Connection) -> None:
    shop = add_run(connection)
    add_run(connection, target_service="shop-2")
    assert listed(connection, service="shop") == [shop]
    assert listed(connection, service="sho") == listed(connection, service="Shop") == []


def test_a_time_range_has_its_beginning_and_not_its_end(connection: Connection) -> None:
    made = [add_run(connection, queued_at=NOON + number * MINUTE) for number in range(3)]
    assert listed(connection, created_after=NOON + MINUTE) == [made[2], made[1]]
    assert listed(connection, created_before=NOON + MINUTE) == [made[0]]
    assert listed(connection, created_after=NOON, created_before=NOON + 2 * MINUTE) == [made[1], made[0]]
    assert listed(connection, created_after=NOON + MINUTE, created_before=NOON + MINUTE) == []


@pytest.mark.parametrize("text", ["100%", "a_b", "c:\\d", "%", "_", "\\", "ÄPFEL", "'; --"])
def test_a_text_is_looked_for_as_it_stands(connection: Connection, text: str) -> None:
    found = add_run(connection, instruction=f"it says {text.lower()} here")
    for other in ("it says 100 here", "it says axb here", "it says c:d here", "it says apfel here"):
        add_run(connection, instruction=other)
    assert listed(connection, text=text) == [found]


def test_an_empty_text_is_no_filter(connection: Connection) -> None:
    made = add_run(connection)
    assert listed(connection, text="") == [made]


# --- one run


def test_a_run_comes_with_its_plan_in_force_and_its_rows_in_order(connection: Connection) -> None:
    run = add_run(connection, status="running")
    plans = [
        connection.execute(
            insert(OrchestratorActionPlan)
            .values(
                run_id=run, version=version, steps=[], service_context={}, digest=str(version), generated_by="system"
            )
            .returning(OrchestratorActionPlan.id)
        ).scalar_one()
        for version in (1, 2)
    ]
    JOBS.change(connection, run, {"plan_id": plans[1]})
    steps = [("analyze", 1), ("patch", 1), ("analyze", 2)]
    for step, attempt in steps:
        row = {"run_id": run, "step": step, "attempt": attempt, "state": "SUCCESS"}
        connection.execute(insert(SpecWorkflowTaskState).values(row))
    for path, minutes in (("z.log", 0), ("b.log", 1), ("a.log", 1)):
        row = {"run_id": run, "type": "build_log", "path": path, "sha256": "x", "size_bytes": 1}
        connection.execute(insert(OrchestratorRunArtifact).values(**row, created_at=NOON + minutes * MINUTE))
    connection.execute(insert(ApprovalGate).values(service="shop", requirement="pre-run", approver_roles=["approver"]))
    found = read_models.find_run(connection, run)
    assert found is not None
    assert found.plan is not None
    assert found.plan["version"] == 2
    assert [(step["step"], step["attempt"]) for step in found.steps] == steps
    assert [artifact["path"] for artifact in found.artifacts] == ["z.log", "a.log", "b.log"]
    assert found.gate is not None
    assert found.gate["requirement"] == "pre-run"


def test_there_is_nothing_of_a_run_that_is_not_there(connection: Connection) -> None:
    other = add_run(connection)
    assert read_models.find_run(connection, uuid.uuid4()) is None
    assert read_models.find_evidence(connection, uuid.uuid4()) is None
    assert read_models.find_artifact(connection, other, uuid.uuid4()) is None
    assert read_models.list_artifacts(connection, uuid.uuid4()) == []


def test_a_file_is_found_with_its_own_run_only(connection: Connection) -> None:
    run, other = add_run(connection), add_run(connection)
    row = {"run_id": run, "type": "build_log", "path": "build.log", "sha256": "x", "size_bytes": 1}
    added = insert(OrchestratorRunArtifact).values(row).returning(OrchestratorRunArtifact.id)
    number = connection.execute(added).scalar_one()
    assert read_models.find_artifact(connection, run, number) is not None
    assert read_models.find_artifact(connection, other, number) is None


def test_answers_are_listed_oldest_first_also_those_taken_back(connection: Connection) -> None:
    run, other = add_run(connection), add_run(connection)
    for who, minutes, subject, kind in (
        ("ben", 2, run, "run"),
        ("ann", 1, run, "run"),
        ("kim", 0, other, "run"),
        ("zoe", 0, run, "job"),
    ):
        row = {"subject_kind": kind, "subject_id": subject, "approver": who, "role": "approver", "plan_digest": "d"}
        times = {"granted_at": NOON + minutes * MINUTE, "expires_at": NOON, "revoked_at": NOON}
        connection.execute(insert(Approval).values(**row, **times, decision="approve"))
    assert [row["approver"] for row in read_models.list_approvals(connection, run)] == ["ann", "ben"]


def test_evidence_has_every_plan_and_the_record_in_order(connection: Connection) -> None:
    run = add_run(connection)
    for version in (2, 1):
        row = {"run_id": run, "version": version, "steps": [], "service_context": {}, "digest": "d"}
        connection.execute(insert(OrchestratorActionPlan).values(**row, generated_by="system"))
    for kind, subject in (("run", run), ("run", uuid.uuid4()), ("run", run), ("gate", run)):
        append_event(connection, HOUSE_KEY, kind, subject, actor="kim", kind="tried", payload={})
    found = read_models.find_evidence(connection, run)
    assert found is not None
    assert [plan["version"] for plan in found.plans] == [1, 2]
    assert [event["sequence"] for event in found.events] == [1, 2]
    assert found.head is not None
    assert (found.head["subject_kind"], found.head["sequence"]) == ("run", 2)


# --- services


def test_the_last_run_of_each_service_is_the_newest_and_of_equals_the_first_of_the_list(connection: Connection) -> None:
    assert read_models.last_runs(connection) == {}
    add_run(connection, queued_at=NOON - MINUTE)
    for service in ("shop", "till", "shop", "blog", "shop"):
        add_run(connection, target_service=service)
    found = read_models.last_runs(connection)
    assert {service: row["id"] for service, row in found.items()} == {
        service: listed(connection, service=service)[0] for service in ("blog", "shop", "till")
    }


def test_the_holder_of_each_lock_group_is_its_active_run(connection: Connection) -> None:
    holder = add_run(connection, status="running", holds_lock=True)
    waiting = add_run(connection, status="awaiting_approval", lock_group="front", holds_lock=True)
    add_run(connection, status="pending", lock_group="other")
    add_run(connection)
    assert read_models.lock_holders(connection) == {"shop": holder, "front": waiting}


# --- what use cases ask


def test_a_run_is_found_by_its_requesters_own_key(connection: Connection) -> None:
    run = add_run(connection, idempotency_key="k")
    add_run(connection, requester="ann", idempotency_key="k")
    runs = runs_of(connection)
    assert runs.find_same("kim", "k") == (run, "d")
    assert runs.find_same("kim", "other") is None
    assert runs.find_same("ben", "k") is None


def test_a_services_open_runs_are_named_oldest_first(connection: Connection) -> None:
    newer = add_run(connection, status="awaiting_approval", queued_at=NOON + MINUTE)
    older = add_run(connection, status="pending")
    add_run(connection)
    add_run(connection, status="pending", target_service="till")
    assert runs_of(connection).unended("shop") == [older, newer]


def test_a_run_is_superseded_by_a_later_one_of_its_group_that_touched_something(connection: Connection) -> None:
    old = add_run(connection, started_at=NOON)
    touched = {"progress": {"touched": True}, "started_at": NOON + 2 * MINUTE, "queued_at": NOON + 2 * MINUTE}
    add_run(connection, **{**touched, "progress": {}})
    add_run(connection, **touched, target_service="till")
    runs = runs_of(connection)
    assert runs.superseded_by(old) is None
    later = add_run(connection, **touched, target_service="till", lock_group="shop")
    assert runs.superseded_by(old) == later
    assert runs.superseded_by(old, but=later) is None
    assert runs.superseded_by(later) is None


def test_a_free_group_goes_to_the_highest_priority_then_to_the_oldest(connection: Connection) -> None:
    add_run(connection, status="pending", queued_at=NOON)
    urgent = [add_run(connection, status="pending", priority=10, queued_at=NOON + n * MINUTE) for n in (2, 1)]
    found = JOBS.next_of_group(connection, "shop")
    assert found is not None
    assert found.id == urgent[1]
    assert JOBS.next_of_group(connection, "till") is None
