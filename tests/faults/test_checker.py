"""The checker finds what it is there to find: one right story, and each way in which it could be wrong."""

from __future__ import annotations

import copy
import fcntl
import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import pytest

from moonmind.engine.events import FIRST_PREVIOUS, Event, event_hash
from tests.faults import checker
from tests.faults.checker import Facts, Row

BEGAN = datetime(2026, 11, 21, 12, tzinfo=UTC)
STEPS = ("analyze", "patch", "build", "restart", "verify")
LOGS = ("analyze.log", "patch.diff", "build.log", "restart.log", "verify.log")
RUN = uuid4()


def at(minutes: float) -> datetime:
    return BEGAN + timedelta(minutes=minutes)


def chained(run: UUID, told: list[tuple[str, Row]]) -> list[Row]:
    rows, previous = [], FIRST_PREVIOUS
    for number, (kind, payload) in enumerate(told, start=1):
        event = Event("run", run, number, at(number), "kim", kind, payload)
        row = {**asdict(event), "previous_hash": previous, "hash": event_hash(previous, event)}
        previous = row["hash"]
        rows.append(row)
    return rows


def attempt(run: UUID, number: int, step: str) -> Row:
    row = {"run_id": run, "step": step, "attempt": 1, "state": "SUCCESS", "skipped": False}
    return {**row, "started_at": at(number), "finished_at": at(number + 0.5)}


def story(run: UUID, folder: Path) -> Facts:
    """A run that repaired the shop."""
    told: list[tuple[str, Row]] = [("run_created", {})]
    for step in STEPS:
        told += [(kind, {"step": step, "attempt": 1}) for kind in ("step_started", "step_finished")]
    told.append(("run_finished", {"status": "succeeded"}))
    row = {
        "id": str(run), "status": "succeeded", "completed_at": at(9), "holds_lock": False, "lease_owner": None,
        "lock_group": "shop", "target_service": "shop", "failure_code": None, "rollback_verified": None,
    }  # fmt: skip
    place = folder / str(run)
    place.mkdir()
    for name in LOGS:
        (place / name).write_text(name)
    digest = hashlib.sha256(b"build.log").hexdigest()
    artifact = {"run_id": run, "path": "build.log", "size_bytes": 9, "sha256": digest}
    attempts = [attempt(run, number, step) for number, step in enumerate(STEPS)]
    return Facts(1, 0, [row], attempts, chained(run, told), [artifact])


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    return story(RUN, tmp_path)


@pytest.fixture
def spec(tmp_path: Path) -> Row:
    return {
        "accepted": 1, "runs": {str(RUN): ["succeeded"]}, "artifacts": str(tmp_path), "log_limit": 1000,
        "disk_was_full": False, "builds": 1, "starts": {"shop": 1}, "exactly": {}, "services": [],
    }  # fmt: skip


def found(facts: Facts, spec: Row) -> str:
    return "\n".join(problem for look in checker.RECORD for problem in look(facts, spec))


def test_the_right_story_has_no_problems(facts: Facts, spec: Row) -> None:
    assert found(facts, spec) == ""


def run_is(**values: Any) -> Callable[[Facts, Row], None]:
    return lambda facts, spec: facts.runs[0].update(values)


def attempt_is(number: int, **values: Any) -> Callable[[Facts, Row], None]:
    return lambda facts, spec: facts.attempts[number].update(values)


def spec_is(**values: Any) -> Callable[[Facts, Row], None]:
    return lambda facts, spec: spec.update(values)


def story_is(change: Callable[[list[tuple[str, Row]]], object]) -> Callable[[Facts, Row], None]:
    """The events as somebody else would have told them, with a chain that is right."""

    def tell(facts: Facts, spec: Row) -> None:
        told = [(row["kind"], dict(row["payload"])) for row in facts.events]
        change(told)
        facts.events = chained(RUN, told)

    return tell


def forged(facts: Facts, spec: Row) -> None:
    facts.events[3]["payload"] = {"step": "build", "attempt": 1}


def twice(facts: Facts, spec: Row) -> None:
    facts.attempts.append({**facts.attempts[2], "attempt": 2})


def neighbour(facts: Facts, spec: Row) -> None:
    facts.runs.append({**copy.copy(facts.runs[0]), "id": "other"})
    facts.attempts.append({**facts.attempts[2], "run_id": "other", "started_at": at(2.2)})


WRONG = [
    (lambda facts, spec: facts.runs.clear(), "is lost"),
    (spec_is(accepted=2), "2 runs were accepted, and there are 1"),
    (run_is(status="running", completed_at=None), "has not ended"),
    (run_is(status="rolled_back", failure_code="x"), "ended rolled_back/x, expected succeeded"),
    (run_is(status="rolled_back", rollback_verified=False), "not verified"),
    (run_is(holds_lock=True), "holds its lock group"),
    (run_is(lease_owner="me"), "holds its lock group or a lease"),
    (lambda facts, spec: setattr(facts, "outbox", 1), "1 messages are still in the outbox"),
    (forged, "chain of events is broken at 4"),
    (lambda facts, spec: facts.events.pop(2), "chain of events is broken"),
    (story_is(lambda told: told.pop(0)), "does not begin with its creation"),
    (story_is(lambda told: told.pop()), "has not one end"),
    (story_is(lambda told: told.append(told[-1])), "has not one end"),
    (story_is(lambda told: told.append(("step_started", {"step": "build", "attempt": 2}))), "tells of work after it"),
    (story_is(lambda told: told.append(("step_started", {"step": "build", "attempt": 2}))), "events of attempts"),
    (story_is(lambda told: told.insert(6, told[6])), "its end is told 2 times"),
    (story_is(lambda told: told.insert(5, told[5])), "began 2 times"),
    (story_is(lambda told: told.pop(6)), "its end is told 0 times"),
    (attempt_is(2, state="STARTED", finished_at=None), "has no end"),
    (attempt_is(2, state="PENDING", started_at=None), "neither begun nor skipped"),
    (twice, "build was done 2 times"),
    (neighbour, "worked at the same time"),
    (lambda facts, spec: facts.artifacts[0].update(sha256="x"), "not what is recorded"),
    (lambda facts, spec: facts.artifacts[0].update(path="gone.log"), "not what is recorded"),
    (spec_is(log_limit=-1000), "larger than the limit"),
    (lambda facts, spec: Path(spec["artifacts"], str(RUN), "verify.log").unlink(), "verify left no log"),
    (spec_is(builds=2), "2 builds, and the record tells of 1"),
    (spec_is(starts={"shop": 2}), "2 starts, and the record tells of 1"),
    (spec_is(exactly={"builds": 2}), "1 builds, expected 2"),
]


@pytest.mark.parametrize(("spoil", "complaint"), WRONG)
def test_each_wrong_story_is_found(
    facts: Facts, spec: Row, spoil: Callable[[Facts, Row], object], complaint: str
) -> None:
    spoil(facts, spec)
    assert complaint in found(facts, spec)


@pytest.fixture
def service(tmp_path: Path, spec: Row, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shop's workspace and place, after its repair."""
    workspace, place = tmp_path / "shop", tmp_path / "place"
    (place / "venvs/2/lib/python3.11/site-packages/dateutil").mkdir(parents=True)
    (place / "current").symlink_to("venvs/2")
    workspace.mkdir()
    (workspace / "requirements.txt").write_text("new")
    digests = {state: {"requirements.txt": hashlib.sha256(state.encode()).hexdigest()} for state in ("old", "new")}
    spec["services"] = [
        {
            "name": "shop", "workspace": str(workspace), "place": str(place), "url": "", "healthy": False,
            "before": digests["old"], "after": digests["new"],
        }
    ]  # fmt: skip
    monkeypatch.setattr(checker, "_answers", lambda url: True)
    return tmp_path


def link_to(number: str) -> Callable[[Path], object]:
    def link(folder: Path) -> None:
        (folder / "place/current").unlink()
        (folder / "place/current").symlink_to(f"venvs/{number}")

    return link


def test_a_repaired_world_has_no_problems(facts: Facts, spec: Row, service: Path) -> None:
    assert found(facts, spec) == ""


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda folder: (folder / "shop/requirements.txt").write_text("old"), "['requirements.txt'] are not as after"),
        (lambda folder: (folder / "shop/requirements.txt").write_text("half"), "['requirements.txt'] are not as after"),
        (lambda folder: (folder / "shop/.left").write_text(""), "['.left'] are not as after"),
        (link_to("1"), "environment 1 is in use"),
    ],
)
def test_a_world_that_is_otherwise_is_found(
    facts: Facts, spec: Row, service: Path, spoil: Callable[[Path], object], complaint: str
) -> None:
    spoil(service)
    assert complaint in found(facts, spec)


def test_an_undone_run_leaves_the_old_bytes(facts: Facts, spec: Row, service: Path) -> None:
    run_is(status="rolled_back", rollback_verified=True)(facts, spec)
    assert "are not as before the repair" in found(facts, spec)


def test_a_held_lock_is_found(tmp_path: Path) -> None:
    with (tmp_path / "shop.lock").open("w") as file:
        assert list(checker.locks({"locks": str(tmp_path)})) == []
        fcntl.flock(file, fcntl.LOCK_EX)
        assert list(checker.locks({"locks": str(tmp_path)})) == ["shop.lock is held"]


def test_a_way_back_that_was_left_is_found(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "run").write_text("1")
    assert "is still kept" in "".join(checker.marks({"services": [{"name": "shop", "place": str(tmp_path)}]}))


def test_a_stray_process_is_found_by_its_mark_and_a_known_one_is_not() -> None:
    spec = {"home": "/nowhere/home", "known": [], "supervisor": 0, "nursery": 0}
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={"MOONMIND_LOCK": "/nowhere/home/var/locks/shop.lock"},
    ) as stray:  # fmt: skip
        assert stray.stdout
        stray.stdout.readline()
        assert psutil.pid_exists(stray.pid)
        assert f"a stray process: {stray.pid} " in "".join(checker.processes(spec))
        assert list(checker.processes({**spec, "known": [stray.pid]})) == []
        stray.kill()
