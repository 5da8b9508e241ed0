"""Faults on the way of a message: API, outbox, dispatcher, broker, queue."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx

from tests.faults.case import FIX, Case
from tests.faults.processes import until
from tests.faults.rig import LIGHT, QUEUE

SOON = 3.0
"""Seconds in which a POST must be answered, whatever the broker does. The promise is one; how long it took is printed,
and a machine that is busy with other faults may take a little more. Whoever waits for a broker takes longer."""


def api_dies_after_commit(case: Case) -> None:
    """The client got no answer, and its retry with the same key gets the run that was made."""
    rig, key = case.rig, {"Idempotency-Key": str(uuid.uuid4())}
    rig.worker()
    rig.api.kill()
    rig.start_api(MOONMIND_FAILPOINT="submit.after_commit:kill", MOONMIND_FAILPOINT_TRACE=str(rig.trace))
    armed = rig.api
    try:
        rig.post("good0", FIX, **key)
    except httpx.HTTPError:
        case.hit(rig.wait_hit(armed, "submit.after_commit", "kill"))
    else:
        raise AssertionError("the API answered all the same")
    rig.start_api()
    case.submit("good0", **key)
    case.wait_ended()
    case.exactly = {"builds": 1, "starts": 1}


def _post_in_time(case: Case, service: str) -> None:
    began = time.monotonic()
    case.submit(service)
    seconds = time.monotonic() - began
    assert seconds < SOON, f"the answer took {seconds:.2f} s"
    case.hit(f"202 in {seconds * 1000:.0f} ms")


def broker_down(case: Case) -> None:
    """POST while RabbitMQ is dead; the run starts when it is back."""
    case.rig.worker()
    case.rig.broker.kill()
    case.hit("RabbitMQ killed")
    _post_in_time(case, "good0")
    case.rig.broker.restart()
    case.wait_ended()


def broker_hung(case: Case) -> None:
    """POST while RabbitMQ takes bytes and answers nothing; the run starts when it goes on."""
    case.rig.worker()
    case.rig.broker.pause()
    case.hit("RabbitMQ paused")
    _post_in_time(case, "good0")
    case.rig.broker.unpause()
    case.wait_ended()


def broker_dies_in_mid_run(case: Case) -> None:
    """RabbitMQ dies while a step works, and is back before or after its end."""
    rig = case.rig
    rig.index.hold()
    rig.worker()
    case.submit("good0")
    until(lambda: rig.index.waiting, "a build is on")
    rig.broker.kill()
    case.hit("RabbitMQ killed during a build")
    if case.number % 2:
        rig.index.release()
    rig.broker.restart()
    rig.index.release()
    case.wait_ended()
    case.exactly = {"builds": 1, "starts": 1}


def queue_purged(case: Case) -> None:
    """Every message is lost before a worker sees one."""
    rig = case.rig
    rig.worker(queues=LIGHT)  # it sends what the outbox holds, and works at nothing
    for service in ("good0", "good1"):
        case.submit(service)
    until(lambda: rig.broker.depth(QUEUE) == 2, "both messages are in the queue")
    case.hit(f"{rig.broker.purge(QUEUE)} messages purged")
    rig.worker()
    case.wait_ended()
    case.exactly = {"builds": 2, "starts": 2}


def delivered_ten_times(case: Case) -> None:
    """Two workers get ten copies of one message."""
    rig = case.rig
    sender = rig.worker(queues=LIGHT)
    case.submit("good0")
    message = rig.broker.take(QUEUE)
    sender.kill()
    with rig.broker.channel() as channel:
        for _ in range(10):
            channel.basic_publish(message, routing_key=QUEUE, exchange="")
    until(lambda: rig.broker.depth(QUEUE) == 10, "ten copies are in the queue")
    case.hit("10 copies of one message")
    rig.worker()
    rig.worker()
    case.wait_ended()
    case.exactly = {"builds": 1, "starts": 1}


DEAD = "orchestrator.dead"
POISON: tuple[Callable[[dict[str, Any]], tuple[bytes | str, dict[str, Any]]], ...] = (
    lambda good: (b"\xff\xfe no message \x00", {}),
    lambda good: (b"{not json", good),
    lambda good: ("[[{}], {}, {}]", {**good, "application_headers": {}}),
    lambda good: ('[[{"v": 99, "id": "x", "epoch": 1}], {}, {}]', good),
    lambda good: ('[[{"v": 1, "id": "x", "epoch": 1}], {}, {}]', good),
    lambda good: ('[["x", "y", "z"], {"a": 1}, null]', good),
    lambda good: (b"\x80\x04\x95\x1d\x00\x00\x00", {**good, "content_type": "application/x-python-serialize"}),
    lambda good: (b"x" * 1_000_000, {**good, "content_type": "text/plain"}),
    lambda good: ("[[], {}, {}]", {**good, "application_headers": {"task": "os.system", "id": "x"}}),
)


def poisoned(case: Case) -> None:
    """Garbage, wrong versions and pickles in the queue: each is parked, none is obeyed, and the others go on."""
    rig = case.rig
    worker = rig.worker()
    headers = {"lang": "py", "task": "orchestrator.analyze", "id": str(uuid.uuid4()), "argsrepr": "", "kwargsrepr": ""}
    good = {"content_type": "application/json", "content_encoding": "utf-8", "application_headers": headers}
    for make in POISON:
        body, properties = make(good)
        rig.broker.publish(QUEUE, body, **properties)
    case.submit("good0")
    case.hit(f"{len(POISON)} messages that are none")
    case.wait_ended()
    assert worker.alive, "the worker died of a message"
    parked = rig.broker.purge(DEAD)
    assert parked == len(POISON), f"{parked} messages are parked"
    case.exactly = {"builds": 1, "starts": 1}


def delivery_timed_out(case: Case) -> None:
    """RabbitMQ takes a delivery back and closes the channel during a build that is longer than its patience."""
    rig = case.rig
    rig.broker.set_delivery_timeout(1000)
    try:
        rig.index.hold()
        worker = rig.worker(MOONMIND_ORCHESTRATOR__CONCURRENCY="1")
        case.submit("good0")
        until(lambda: rig.index.waiting, "a build is on")
        case.submit("good1")  # delivered, and not acknowledged before its turn comes
        log = rig.log / f"{worker.name.replace(' ', '')}.log"
        until(lambda: "PRECONDITION_FAILED" in log.read_text(), "RabbitMQ closes the channel", 30)
        case.hit("PRECONDITION_FAILED: delivery acknowledgement timed out")
        rig.index.release()
        case.wait_ended()
        assert worker.alive
        case.exactly = {"builds": 2, "starts": 2}
    finally:
        rig.broker.set_delivery_timeout(None)
