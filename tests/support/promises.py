"""What every run promises, whatever happens: looked at in rows, events and files, and not by the code that keeps it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from datetime import UTC, timedelta
from typing import Any
from uuid import UUID

from tests.support.street import FORWARD, Deeds, Street

Row = dict[str, Any]
OVER = ("succeeded", "failed", "rolled_back", "cancelled")
EFFECTS = ("write", "build", "restart", "restore", "restore build")
NO_HASH = "0" * 64


class Promises:
    """`look` raises AssertionError when one is broken; it remembers what may never change again."""

    def __init__(self, street: Street) -> None:
        self.street = street
        self.broken = False
        self.asked = 0
        self.statuses: dict[UUID, str] = {}
        self.epochs: dict[UUID, int] = {}
        self.ended: dict[UUID, str] = {}

    def look(self) -> None:
        runs = self.street.rows("SELECT * FROM orchestrator_runs ORDER BY queued_at, id")
        steps, events = defaultdict(list), defaultdict(list)
        for step in self.street.rows("SELECT * FROM spec_workflow_task_states ORDER BY step, attempt"):
            steps[step["run_id"]].append(step)
        for event in self.street.rows("SELECT * FROM run_events ORDER BY subject_id, sequence"):
            events[event["subject_id"]].append(event)
        heads = {row["subject_id"]: row for row in self.street.rows("SELECT * FROM event_heads")}
        (outbox,) = self.street.rows("SELECT count(*) FROM outbox")
        self.asked = outbox["count"]
        try:
            assert not self.street.wrongs, self.street.wrongs
            groups_have_one_owner(runs)
            for run in runs:
                self._look_at(run, steps[run["id"]], events[run["id"]])
                head_fits(heads[run["id"]], events[run["id"]][-1])
        except AssertionError:
            self.broken = True
            raise

    def _look_at(self, run: Row, steps: list[Row], events: list[Row]) -> None:
        row_is_consistent(run)
        steps_are_consistent(run, steps)
        events_are_a_chain(events)
        events_tell_one_story(run, events)
        number = run["id"]
        self.statuses[number] = run["status"]
        assert run["epoch"] >= self.epochs.setdefault(number, 1)
        self.epochs[number] = run["epoch"]
        if run["status"] in OVER:
            self._look_at_ended(run, steps)

    def _look_at_ended(self, run: Row, steps: list[Row]) -> None:
        """Checked once, then kept: it never changes again, but for what was kept for its undoing being forgotten."""
        number = run["id"]
        progress = {name: kept for name, kept in run["progress"].items() if name != "restore_point"}
        now = repr((sorted({**run, "progress": progress}.items()), steps, self._files(number)))
        if number not in self.ended:
            ending_is_true(self.street, run, steps, self.street.deeds[number])
            self.ended[number] = now
        assert self.ended[number] == now, f"ended, and then changed: {run}"

    def _files(self, run: UUID) -> list[tuple[str, str]]:
        """Its own whole files (a log may still hear from a worker that was given up)."""
        folder = self.street.tools.artifacts.folder(run)  # type: ignore[attr-defined]
        found = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".log"]
        kept = [path for path in found if path.name != "patch.diff"]
        return sorted((str(path), hashlib.sha256(path.read_bytes()).hexdigest()) for path in kept)

    def is_at_rest(self) -> bool:
        locks = self.street.rows("SELECT id FROM orchestrator_runs WHERE holds_lock OR completed_at IS NULL")
        return not locks and not self.street.rows("SELECT id FROM outbox")

    def nobody_waits_for_nothing(self) -> None:
        """Where nothing went wrong, every message that was needed was there, without the reaper."""
        runs = self.street.rows("SELECT * FROM orchestrator_runs")
        held = {run["lock_group"] for run in runs if run["holds_lock"] and run["status"] == "awaiting_approval"}
        open_ones = [run for run in runs if run["status"] in ("pending", "running")]
        left = [run for run in open_ones if run["lock_group"] not in held]
        assert not left, f"nobody will wake {left}"


def groups_have_one_owner(runs: list[Row]) -> None:
    held = Counter(run["lock_group"] for run in runs if run["holds_lock"])
    assert all(count == 1 for count in held.values()), held


def row_is_consistent(run: Row) -> None:
    status, step = run["status"], run["next_step"]
    is_over, is_owned = status in OVER, run["lease_owner"] is not None
    assert is_over == (step is None) == (run["completed_at"] is not None), run
    assert is_owned == (run["lease_expires_at"] is not None), run
    assert not is_owned or (status == "running" and run["holds_lock"]), run
    assert not (is_over and run["holds_lock"]), run
    assert (run["rollback_verified"] is not None) == (status == "rolled_back"), run
    failed = status in ("failed", "cancelled") or (status == "rolled_back" and run["start_step"] != "rollback")
    assert not failed or run["failure_code"], run
    assert status != "succeeded" or run["failure_code"] is None, run
    assert run["failure_code"] != "internal_error", run
    if status == "pending":
        assert (run["started_at"], run["attempt"], run["holds_lock"]) == (None, 0, False), run
        assert step == run["start_step"], run
    if status == "awaiting_approval":
        assert run["approval_status"] == "awaiting", run
        assert step in FORWARD, run
        assert run["holds_lock"] == bool(run["progress"].get("touched")), run
        assert abs(run["due_at"] - run["approval_expires_at"]) < timedelta(milliseconds=10), run
        assert run["cancel_requested_at"] is None, f"waits for people, but is to be cancelled: {run}"
    if status in ("running", "awaiting_approval") and run["progress"].get("touched"):
        assert run["holds_lock"], run


def steps_are_consistent(run: Row, steps: list[Row]) -> None:
    open_ones = [(step["step"], step["attempt"]) for step in steps if step["state"] == "STARTED"]
    if run["lease_owner"] is not None:
        assert (run["next_step"], run["attempt"]) in open_ones, (run, steps)
    assert len(open_ones) <= 1, steps
    if run["status"] in OVER:
        assert not open_ones, f"over, but {open_ones} is in progress"
        assert all(step["skipped"] for step in steps if step["state"] == "PENDING"), steps
    numbers = defaultdict(list)
    for step in steps:
        numbers[step["step"]].append(step["attempt"])
    for name, attempts in numbers.items():
        assert attempts == list(range(1, len(attempts) + 1)), f"attempts of {name}: {attempts}"


def events_are_a_chain(events: list[Row]) -> None:
    previous = NO_HASH
    for number, event in enumerate(events, 1):
        at = event["at"].astimezone(UTC).isoformat(timespec="microseconds")
        kept = {name: event[name] for name in ("subject_kind", "sequence", "actor", "kind", "payload")}
        body = {**kept, "subject_id": str(event["subject_id"]), "at": at, "previous_hash": previous}
        said = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert (event["sequence"], event["previous_hash"]) == (number, previous)
        assert event["hash"] == hashlib.sha256(said.encode()).hexdigest()
        previous = event["hash"]


def head_fits(head: Row, newest: Row) -> None:
    """The record ends where the key says; who signs is looked at where heads are."""
    assert (head["sequence"], head["hash"]) == (newest["sequence"], newest["hash"])
    assert head["signature"]


def events_tell_one_story(run: Row, events: list[Row]) -> None:
    """A step is begun by one worker at a time, ended by whoever began it, and by nobody who was replaced meanwhile."""
    kinds = Counter(event["kind"] for event in events)
    assert events[0]["kind"] == "run_created"
    assert kinds["run_created"] == 1
    assert kinds["run_finished"] == (run["status"] in OVER), kinds
    begun: tuple[Any, ...] = ()
    epoch = 0
    for event in events:
        body = event["payload"]
        if event["kind"] == "step_started":
            assert body["epoch"] >= epoch
            epoch, begun = body["epoch"], (event["actor"], body["step"], body["attempt"])
        if event["kind"] == "step_finished":
            assert (event["actor"], body["step"], body["attempt"]) == begun
            begun = ()


def ending_is_true(street: Street, run: Row, steps: list[Row], deeds: Deeds) -> None:
    service = run["target_service"]
    runtime = street.runtimes[service]
    content = runtime.manifest.read_bytes()
    undisturbed = deeds.since == street.disturbed[service] and not runtime.fails
    match run["status"]:
        case "failed" | "cancelled":
            assert deeds.done == [], f"{run['status']}, but it did {deeds.done}"
        case "succeeded" if run["dry_run"]:
            assert deeds.done == []
        case "succeeded":
            due = FORWARD[FORWARD.index(run["start_step"]) :]
            assert set(due) <= {step["step"] for step in steps if step["state"] == "SUCCESS"}, steps
            assert deeds.seen[-2:] == ["verify running"] * 2, deeds.seen
            assert "restore" not in deeds.done
        case "rolled_back" if run["rollback_verified"]:
            assert not deeds.theirs, "verified, though somebody changed the file meanwhile"
            if "restore" in deeds.done and deeds.put_back == street.disturbed[service]:
                assert content == deeds.before, f"{content!r} is not {deeds.before!r}"
            if undisturbed and "write" in deeds.done:
                assert content == deeds.before, f"{content!r} is not {deeds.before!r}"
            if undisturbed and "build" in deeds.done:
                assert runtime.image == deeds.image
                assert runtime.running == deeds.image or "restart" not in deeds.done
        case "rolled_back":
            assert not undisturbed or run["start_step"] == "rollback", "an alarm for nothing"
