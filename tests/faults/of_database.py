"""Faults of PostgreSQL and of the way to it: killed, restarted, sessions ended, an answer lost, a session left open."""

from __future__ import annotations

import signal

from sqlalchemy import make_url

from tests.faults.case import Case
from tests.faults.processes import until
from tests.faults.relay import Relay

SESSIONS = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"


def killed_in_mid_step(case: Case) -> None:
    """`kill -9` of the server while a build is on, which ends after it, or in turn while it is away."""
    _away_in_mid_step(case, "kill -9")


def restarted_in_mid_step(case: Case) -> None:
    """As an administrator restarts it: sessions are ended, then it comes back."""
    _away_in_mid_step(case, "restart")


def _away_in_mid_step(case: Case, how: str) -> None:
    rig = case.rig
    rig.index.hold()
    rig.worker()
    case.submit("good0")
    until(lambda: rig.index.waiting, "a build is on")
    if how == "restart":
        rig.postgres.stop()
    else:
        rig.kill_postgres()
    case.hit(f"{how} of PostgreSQL during a build")
    if case.number % 2:
        rig.index.release()
        until(lambda: not rig.children(), "the build ends without a database")
    rig.start_postgres()
    rig.index.release()
    case.wait_ended()


def sessions_ended_at_record(case: Case) -> None:
    """All sessions are ended when a step's outcome is written and not yet committed."""
    rig = case.rig
    worker = rig.worker(f"record.before_commit#{case.number % 5 + 1}:stop")
    case.submit("good0")
    case.hit(rig.wait_hit(worker, "record.before_commit", "stop"))
    (ended,) = rig.ask(f"SELECT count(pg_terminate_backend(pid)) {SESSIONS}")
    case.hit(f"{ended[0]} sessions ended")
    worker.send(signal.SIGCONT)
    case.wait_ended()
    assert worker.alive


def answer_lost_at_record(case: Case) -> None:
    """The commit of a step's outcome is done, and the worker never hears of it: nothing happens twice."""
    rig, wanted = case.rig, case.number % 5 + 1
    url = make_url(rig.postgres.url)
    relay = Relay(None, ("127.0.0.1", rig.postgres.port))
    outcomes = 0

    def is_doomed(asked: bytes) -> bool:
        nonlocal outcomes
        outcomes += b"step_finished" in asked
        return b"step_finished" in asked and outcomes == wanted

    relay.swallow_when = is_doomed
    try:
        through = url.set(port=relay.port).render_as_string(hide_password=False)
        worker = rig.worker(MOONMIND_DATABASE__URL=through)
        case.submit("good0")
        until(lambda: relay.swallowed, "the answer to a COMMIT is lost")
        case.hit(f"the answer to COMMIT of outcome {wanted} was lost")
        case.wait_ended()
        assert worker.alive
        case.exactly = {"builds": 1, "starts": 1}
        case.check()  # while the worker still reaches the database, where it finds out what became of its commit
    finally:
        relay.close()


def session_left_open(case: Case) -> None:
    """A worker stops inside the transaction that records: what it holds is taken from it, and the run goes on."""
    rig = case.rig
    stopped = rig.worker("record.before_commit#3:stop")
    case.submit("good0")
    case.hit(rig.wait_hit(stopped, "record.before_commit", "stop"))
    rig.worker()
    case.wait_ended(90)
    stopped.send(signal.SIGCONT)
