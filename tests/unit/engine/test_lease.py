"""A heartbeat whose database answers late."""

from __future__ import annotations

import threading
import uuid
from typing import Any, cast

import pytest
from sqlalchemy import Engine, create_engine

from moonmind.engine.jobs import Claim, LeaseLostError
from moonmind.engine.lease import Heartbeat
from moonmind.engine.repository import JobRepository
from tests.servers import until


class LateJobs:
    """Extends the lease in the end, and takes its time over it."""

    def __init__(self) -> None:
        self.answers, self.answered = threading.Event(), threading.Event()

    def extend(self, *_: Any) -> bool:
        if self.answered.is_set():
            raise AssertionError("extended once more after the lease was given up")
        assert self.answers.wait(30)
        self.answered.set()
        return False


@pytest.fixture
def engine() -> Engine:
    return create_engine("sqlite://")  # never asked anything


def test_a_lease_that_was_over_once_stays_over_since_what_ran_under_it_was_stopped(engine: Engine) -> None:
    jobs, claim = LateJobs(), Claim(uuid.uuid4(), 1, "build", "me", 1)
    with Heartbeat(engine, cast(JobRepository, jobs), claim, lease=0.2) as heartbeat:
        until(lambda: heartbeat.must_stop, seconds=30, what="the lease is over, and a command is stopped for it")
        jobs.answers.set()
        until(jobs.answered.is_set, seconds=30, what="the extension succeeds all the same")
        until(lambda: not heartbeat._thread.is_alive(), seconds=30, what="the heartbeat has ended")
        assert heartbeat.must_stop
        with pytest.raises(LeaseLostError):
            heartbeat.check()
