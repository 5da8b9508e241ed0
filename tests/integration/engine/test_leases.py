"""Claims, leases, fencing, what the reaper takes back, and the outbox, over a real PostgreSQL."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from celery import Celery
from sqlalchemy import Engine, TextClause, text
from sqlalchemy.exc import IntegrityError

from moonmind.engine.celery_publisher import CeleryPublisher
from moonmind.engine.dispatcher import Dispatcher
from moonmind.engine.events import FIRST_PREVIOUS, Event, event_hash
from moonmind.engine.jobs import BrokerAwayError, CancelRequestedError, Claim, LeaseLostError, StuckJob, Wakeup
from moonmind.engine.lease import Heartbeat
from moonmind.engine.reaper import Reaper
from moonmind.engine.repository import add_to_outbox, append_event
from moonmind.workflows.orchestrator.repositories import JOBS
from moonmind.workflows.orchestrator.run_rows import wakeup_for

LEASE = 60.0


def make_job(database: Engine, group: str = "shop", **columns: Any) -> UUID:
    """A run that waits to be analyzed."""
    number = uuid.uuid4()
    row = {
        "id": number,
        "kind": "fix",
        "status": "pending",
        "queue": "q",
        "lock_group": group,
        "next_step": "analyze",
        "instruction": "fix",
        "target_service": "shop",
        "requester": "kim",
        "artifact_root": "a",
        "request_digest": "d",
        **columns,
    }
    names = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    with database.begin() as connection:
        connection.execute(text(f"INSERT INTO orchestrator_runs ({names}) VALUES ({values})"), row)
    return number


def claim(database: Engine, job: UUID, epoch: int = 1, step: str = "analyze", owner: str = "me") -> Claim | None:
    try:
        with database.begin() as connection:
            row = JOBS.claim(connection, job, epoch, step, owner, LEASE)
    except IntegrityError:
        return None
    return Claim(job, epoch, step, owner, row["attempt"]) if row else None


def change(database: Engine, job: UUID, assignments: str) -> None:
    with database.begin() as connection:
        connection.execute(text(f"UPDATE orchestrator_runs SET {assignments} WHERE id = :id"), {"id": job})


def column(database: Engine, job: UUID, name: str) -> Any:
    with database.connect() as connection:
        return connection.execute(
            text(f"SELECT {name} FROM orchestrator_runs WHERE id = :id"), {"id": job}
        ).scalar_one()


def test_a_step_is_claimed_once_however_often_its_message_comes(database: Engine) -> None:
    job = make_job(database)
    with ThreadPoolExecutor(10) as pool:
        claims = list(pool.map(lambda n: claim(database, job, owner=f"worker {n}"), range(10)))
    assert len([c for c in claims if c]) == 1
    assert column(database, job, "status") == "running"


@pytest.mark.parametrize("wrong", [{"epoch": 2}, {"step": "patch"}])
def test_a_stale_message_claims_nothing(database: Engine, wrong: Mapping[str, Any]) -> None:
    assert claim(database, make_job(database), **wrong) is None


def test_one_job_of_a_lock_group_is_active_and_the_others_wait(database: Engine) -> None:
    first, second, elsewhere = make_job(database), make_job(database), make_job(database, "till")
    assert claim(database, second) is None  # the older one goes first
    assert claim(database, first)
    assert claim(database, second) is None
    assert claim(database, elsewhere)


def test_of_those_that_wait_the_highest_priority_goes_first_then_the_oldest(database: Engine) -> None:
    old, newer, urgent = make_job(database), make_job(database), make_job(database, priority=10)
    order = []
    while True:
        with database.connect() as connection:
            following = JOBS.next_of_group(connection, "shop")
        if following is None:
            break
        assert [c for c in (old, newer, urgent) if claim(database, c)] == [following.id]
        order.append(following.id)
        change(
            database,
            following.id,
            "status = 'failed', next_step = NULL, completed_at = now(), holds_lock = false, lease_owner = NULL",
        )
    assert order == [urgent, old, newer]


def test_two_jobs_of_a_group_claimed_in_the_same_instant_cannot_both_be_active(database: Engine) -> None:
    first = make_job(database)
    with database.connect() as claiming:
        assert JOBS.claim(claiming, first, 1, "analyze", "one", LEASE)
        urgent = make_job(database, priority=10)  # has the better right, and cannot see the claim before its commit
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(claim, database, urgent, owner="two")
            blocked = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            while not _count(database, blocked):
                pass
            claiming.commit()
            assert second.result(30) is None
    assert column(database, urgent, "status") == "pending"


def _count(database: Engine, query: TextClause) -> int:
    with database.connect() as connection:
        return int(connection.execute(query).scalar_one())


def test_an_owner_writes_and_extends_and_a_fenced_off_owner_cannot(database: Engine) -> None:
    job = make_job(database)
    mine = claim(database, job)
    assert mine
    with database.begin() as connection:
        JOBS.write(connection, mine, {"progress": {"a": 1}})
        assert JOBS.extend(connection, mine, LEASE) is False
    change(database, job, "lease_expires_at = now() - interval '1 second'")
    with database.begin() as connection:
        (taken,) = JOBS.take_back(connection, patience=60)
    assert (taken.id, taken.epoch, taken.next_step) == (job, 2, "analyze")
    for act in (
        lambda c: JOBS.write(c, mine, {"progress": {"b": 2}}),
        lambda c: JOBS.extend(c, mine, LEASE),
        lambda c: JOBS.check(c, mine),
    ):
        with pytest.raises(LeaseLostError), database.begin() as connection:
            act(connection)
    assert column(database, job, "progress") == {"a": 1}
    assert claim(database, job, epoch=1) is None
    again = claim(database, job, epoch=2)
    assert again
    assert again.attempt == 2


def test_a_lapsed_lease_is_not_stolen_by_an_old_message(database: Engine) -> None:
    job = make_job(database)
    assert claim(database, job, owner="first")
    change(database, job, "lease_expires_at = now() - interval '1 hour'")
    assert claim(database, job, owner="second") is None


def test_the_reaper_asks_again_for_jobs_that_nobody_claimed(database: Engine) -> None:
    lost, fresh, waits = make_job(database), make_job(database, "till"), make_job(database)
    change(database, lost, "due_at = now() - interval '1 hour'")
    change(database, waits, "due_at = now() - interval '1 hour'")
    reaper = Reaper(database, JOBS, wakeup_for, lambda *_: [], interval=1, patience=60)
    assert reaper.sweep() == 1
    with database.connect() as connection:
        asked = connection.execute(text("SELECT subject_id FROM outbox")).scalars().all()
    assert asked == [lost], f"not {fresh}, which is young, nor {waits}, which waits for its group"
    with database.connect() as connection:
        (payload,) = connection.execute(text("SELECT payload FROM outbox")).scalars()
    assert payload == {"v": 1, "id": str(lost), "epoch": 1}, "nobody had it, so nobody is fenced off"
    assert reaper.sweep() == 0


def test_the_reaper_leaves_what_is_over_and_what_waits_for_people_until_their_time_is_over(database: Engine) -> None:
    over, awaiting = make_job(database), make_job(database, "till")
    change(database, over, "status = 'failed', next_step = NULL, completed_at = now(), due_at = '2000-01-01'")
    change(database, awaiting, "status = 'awaiting_approval', due_at = now() + interval '1 hour'")
    reaper = Reaper(database, JOBS, wakeup_for, lambda *_: [], interval=1, patience=1)
    assert reaper.sweep() == 0
    change(database, awaiting, "due_at = now()")
    assert reaper.sweep() == 1
    assert (column(database, awaiting, "status"), column(database, awaiting, "epoch")) == ("running", 2)


def test_a_heartbeat_keeps_the_lease_alive_and_notices_its_loss(database: Engine) -> None:
    job = make_job(database)
    mine = claim(database, job)
    assert mine
    change(database, job, "lease_expires_at = now() + interval '1 second'")
    with Heartbeat(database, JOBS, mine, lease=0.3) as heartbeat:
        before = column(database, job, "lease_expires_at")
        while column(database, job, "lease_expires_at") == before:
            heartbeat.pause(0.01)
        heartbeat.check()
        change(database, job, "epoch = epoch + 1")
        with pytest.raises(LeaseLostError):
            heartbeat.pause(30)
        assert heartbeat.must_stop
        with pytest.raises(LeaseLostError):
            heartbeat.check()


def test_a_heartbeat_hears_that_somebody_asked_to_cancel(database: Engine) -> None:
    job = make_job(database)
    mine = claim(database, job)
    assert mine
    change(database, job, "cancel_requested_at = now()")
    with Heartbeat(database, JOBS, mine, lease=0.3) as heartbeat, pytest.raises(CancelRequestedError):
        heartbeat.pause(30)
    with Heartbeat(database, JOBS, mine, lease=0.3, cancellable=False) as heartbeat:
        heartbeat.pause(0.5)
        heartbeat.check()
        assert not heartbeat.must_stop


class Recorder:
    """A publisher that fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.sent: list[Any] = []
        self.arrived = threading.Event()

    def publish(self, queue: str, tasks: tuple[str, ...], payload: Mapping[str, Any]) -> None:
        if self.failures:
            self.failures -= 1
            raise BrokerAwayError("refused")
        if queue == "gone":
            raise KeyError("no such queue")
        self.sent.append((queue, tasks, payload["id"]))
        self.arrived.set()


def ask(database: Engine, queue: str = "q") -> UUID:
    job = uuid.uuid4()
    with database.begin() as connection:
        add_to_outbox(connection, wakeup_for(StuckJob(job, 1, "verify", queue)))
    return job


def test_a_message_is_sent_only_after_the_commit_and_once(database: Engine) -> None:
    publisher = Recorder()
    dispatcher = Dispatcher(database, publisher)
    with database.connect() as connection:
        add_to_outbox(connection, Wakeup("run", uuid.uuid4(), "q", ("t",), {"id": "x"}))
        connection.rollback()
    assert dispatcher.drain() == 0
    job = ask(database)
    assert dispatcher.drain() == 1
    assert dispatcher.drain() == 0
    assert publisher.sent == [("q", ("orchestrator.verify",), str(job))]


def test_a_message_stays_when_the_broker_is_away(database: Engine) -> None:
    publisher = Recorder(failures=1)
    dispatcher = Dispatcher(database, publisher)
    ask(database)
    with pytest.raises(BrokerAwayError):
        dispatcher.drain()
    assert dispatcher.drain() == 1


def test_a_message_that_cannot_be_sent_holds_up_nobody_and_is_tried_again_later(database: Engine) -> None:
    first, _, last = ask(database), ask(database, "gone"), ask(database)
    publisher = Recorder()
    dispatcher = Dispatcher(database, publisher)
    assert dispatcher.drain() == 2
    assert dispatcher.drain() == 0
    assert [job for _, _, job in publisher.sent] == [str(first), str(last)]
    with database.begin() as connection:
        kept = connection.execute(text("SELECT queue, attempts, not_before > now() FROM outbox")).all()
        assert [tuple(row) for row in kept] == [("gone", 1, True)]
        connection.execute(text("UPDATE outbox SET queue = 'q', not_before = now()"))
    assert dispatcher.drain() == 1


def test_the_real_publisher_says_that_a_refused_broker_is_away(database: Engine) -> None:
    app = Celery("test", broker="amqp://x:y@127.0.0.1:1//")
    app.conf.broker_connection_timeout = 1
    ask(database)
    with pytest.raises(BrokerAwayError):
        Dispatcher(database, CeleryPublisher(app)).drain()


def test_several_dispatchers_share_the_work(database: Engine) -> None:
    jobs = {str(ask(database)) for _ in range(120)}
    publisher = Recorder()
    dispatchers = [Dispatcher(database, publisher) for _ in range(4)]

    def drain(dispatcher: Dispatcher) -> None:
        while dispatcher.drain():
            pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(drain, dispatchers))
    assert len(publisher.sent) == 120
    assert {job for _, _, job in publisher.sent} == jobs


def test_a_running_dispatcher_is_woken_by_the_commit_and_survives_failures(database: Engine) -> None:
    publisher, stop = Recorder(failures=1), threading.Event()
    thread = threading.Thread(target=Dispatcher(database, publisher).run, args=(stop,))
    thread.start()
    try:
        ask(database)
        assert publisher.arrived.wait(20)
        publisher.arrived.clear()
        with database.begin() as connection:
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
            )
        ask(database)
        assert publisher.arrived.wait(20)
    finally:
        stop.set()
        thread.join()


def test_events_are_numbered_and_chained(database: Engine) -> None:
    subject = uuid.uuid4()
    with database.begin() as connection:
        for number in range(3):
            append_event(connection, "run", subject, actor="kim", kind="tried", payload={"n": number})
    with database.connect() as connection:
        rows = connection.execute(text("SELECT * FROM run_events ORDER BY sequence")).mappings().all()
    previous = FIRST_PREVIOUS
    for number, row in enumerate(rows, start=1):
        event = Event("run", subject, number, row["at"], "kim", "tried", row["payload"])
        assert (row["sequence"], row["previous_hash"]) == (number, previous)
        previous = event_hash(previous, event)
        assert row["hash"] == previous
    assert len(rows) == 3
