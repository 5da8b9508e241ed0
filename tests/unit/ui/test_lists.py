"""Lists, tiles and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from api_service.ui.views.admin import gate_line, key_lines
from api_service.ui.views.lists import Filter, run_lines, service_lines
from api_service.ui.views.system import count_tiles, lease_lines, part_tiles
from api_service.ui.views.times import ago, lasted, moment
from api_service.ui.views.words import human_size
from moonmind.schemas.approvals import ApprovalGate
from moonmind.workflows.orchestrator.read_models import SystemState

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (3, "just now"),
        (-3, "just now"),
        (59, "59 s ago"),
        (61, "1 min ago"),
        (7300, "2 h ago"),
        (200_000, "2 d ago"),
        (-600, "in 10 min"),
    ],
)
def test_how_long_ago(seconds: int, said: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.44, "0.4 s"), (65, "1 min 05 s"), (3720, "1 h 02 min"), (100_000, "1 d 3 h"), (-1, "0.0 s")],
)
def test_how_long_it_took(seconds: float, said: str) -> None:
    assert lasted(NOW, NOW + timedelta(seconds=seconds)) == said


def test_times_are_exact_where_it_counts() -> None:
    assert moment(NOW) == "2026-11-21 03:00:00 UTC"
    assert (lasted(None, NOW), lasted(NOW, None)) == ("", "")


@pytest.mark.parametrize(("size", "said"), [(0, "0 B"), (999, "999 B"), (14_200, "14.2 kB"), (3_100_000, "3.1 MB")])
def test_sizes(size: int, said: str) -> None:
    assert human_size(size) == said


def summary(**changes: Any) -> dict[str, Any]:
    whole = {
        "run_id": UUID(int=1),
        "status": "succeeded",
        "target_service": "shop",
        "instruction": "fix\nit",
        "priority": "normal",
        "dry_run": False,
        "requested_by": "kim",
        "queued_at": NOW,
        "started_at": NOW,
        "completed_at": NOW + timedelta(seconds=4),
        "current_step": None,
        "failure": None,
        "rollback_verified": None,
    }
    return whole | changes


def test_a_run_in_a_list_says_what_one_wants_to_know() -> None:
    (line,) = run_lines([summary(status="failed", failure={"code": "x", "reason": "no safe\nedit"})], NOW)
    assert (line.badge.label, line.instruction, line.took, line.note) == ("Failed", "fix it", "4.0 s", "no safe edit")
    (waits,) = run_lines([summary(status="awaiting_approval", current_step="patch", completed_at=None)], NOW)
    assert waits.note == "before patch"


def service(**changes: Any) -> dict[str, Any]:
    whole = {"name": "shop", "runtime": "process", "allow": ["a"], "approval": "none", "lock_group": "shop"}
    return whole | {"active_run": None, "last_run": None} | changes


@pytest.mark.parametrize(
    ("last", "label"),
    [
        (None, "Not looked at yet"),
        (summary(), "Healthy at last check"),
        (summary(status="failed"), "Not repaired"),
        (summary(status="rolled_back", rollback_verified=True), "As before the run"),
        (summary(status="rolled_back", rollback_verified=False), "Needs people"),
    ],
)
def test_a_services_health_is_what_its_last_run_left(last: dict[str, Any] | None, label: str) -> None:
    (line,) = service_lines([service()], {}, {"shop": last} if last else {})
    assert (line.health.label, line.checked_at) == (label, last and last["completed_at"])


def test_a_service_with_an_active_run_is_under_repair() -> None:
    (line,) = service_lines([service(active_run=UUID(int=7))], {}, {})
    assert (line.health.label, line.active_run) == ("Under repair", str(UUID(int=7)))


def test_a_filter_is_an_address() -> None:
    assert Filter(("failed", "pending"), "a b", "1h", "x&y").query(cursor="c") == (
        "status=failed&status=pending&service=a+b&since=1h&q=x%26y&cursor=c"
    )
    assert not Filter().is_set


def state(**changes: Any) -> SystemState:
    empty = {"messages": 0, "failed": 0, "oldest": None}
    return SystemState(**({"runs": {"running": 2}, "leases": (), "outbox": empty, "now": NOW} | changes))


def test_the_parts_say_how_they_stand() -> None:
    good = {tile.name: tile.badge.label for tile in part_tiles(state(), broker=True, found="1", expected="1")}
    assert good | {"Version": ""} == {
        "Database": "Answers",
        "Schema": "Current",
        "Broker": "Answers",
        "Outbox": "Empty",
        "Version": "",
    }
    backlog = {"messages": 3, "failed": 1, "oldest": NOW - timedelta(seconds=40)}
    bad = {tile.name: tile for tile in part_tiles(state(outbox=backlog), broker=False, found=None, expected="1")}
    assert (bad["Schema"].badge.label, bad["Broker"].badge.label) == ("Behind", "Away")
    assert (bad["Outbox"].badge.label, bad["Outbox"].badge.tone) == ("3 messages", "warn")
    assert bad["Outbox"].words == "oldest waits 40.0 s; 1 failed before"


def test_every_state_has_its_count_and_every_lease_its_end() -> None:
    assert {status: number for status, _, number in count_tiles({"running": 2})}["running"] == 2
    lease = {
        "id": UUID(int=1),
        "target_service": "shop",
        "next_step": "build",
        "attempt": 1,
        "queue": "q",
        "lease_owner": "w",
    }
    held, lapsed = lease_lines(
        state(leases=[lease | {"lease_expires_at": NOW + timedelta(seconds=s)} for s in (20, -5)])
    )
    assert (held.badge.label, held.words) == ("Held", "20.0 s left")
    assert (lapsed.badge.tone, lapsed.words) == ("warn", "silent for 5.0 s; taken over soon")


def test_keys_that_open_something_come_first() -> None:
    key = {"key_id": UUID(int=1), "owner": "kim", "name": "key", "roles": ["viewer"], "created_at": NOW}
    key |= {"last_used_at": None, "revoked_at": None, "expires_at": None}
    lines = key_lines([key | {"revoked_at": NOW}, key | {"expires_at": NOW - timedelta(days=1)}, key], NOW)
    assert [line.badge.label for line in lines] == ["Valid", "Revoked", "Expired"]


def test_a_gate_in_words() -> None:
    gate = ApprovalGate(
        requirement="pre-run", approver_roles=("approver", "admin"), required_approvals=2, self_approval=True
    )
    assert gate_line("shop", gate, "api").words == "2 people (approver or admin), within 60 min; also whoever asks"
    assert gate_line("shop", ApprovalGate(), "config").words == "nobody is asked"
