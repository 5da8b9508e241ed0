"""The signed head of each record, over a real PostgreSQL: every append signs how far the record goes."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from moonmind.engine.events import Head, head_bytes
from moonmind.engine.repository import append_event
from moonmind.evidence.keys import SigningKey
from tests.fakes.keys import HOUSE_KEY, OTHER_KEY


def append(database: Engine, subject: UUID, *, signer: SigningKey = HOUSE_KEY, kind: str = "tried") -> None:
    with database.begin() as connection:
        append_event(connection, signer, "run", subject, actor="kim", kind=kind, payload={"n": 1})


def rows(database: Engine, query: str, subject: UUID) -> list[dict[str, Any]]:
    with database.connect() as connection:
        return [dict(row) for row in connection.execute(text(query), {"subject": subject}).mappings()]


def events(database: Engine, subject: UUID) -> list[dict[str, Any]]:
    return rows(database, "SELECT * FROM run_events WHERE subject_id = :subject ORDER BY sequence", subject)


def head(database: Engine, subject: UUID) -> dict[str, Any]:
    (found,) = rows(database, "SELECT * FROM event_heads WHERE subject_id = :subject", subject)
    return found


def as_owner(database: Engine, *statements: str) -> None:
    """What somebody does who owns the server: no trigger stops them."""
    with database.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            connection.execute(text(statement))


def is_signed_by(key: SigningKey, found: dict[str, Any]) -> bool:
    said = Head("run", found["subject_id"], found["sequence"], found["hash"], found["key_id"])
    return found["key_id"] == key.key_id and key.verifies(head_bytes(said), found["signature"])


def test_each_append_moves_the_signed_head(database: Engine) -> None:
    subject = uuid.uuid4()
    for number in range(1, 4):
        append(database, subject)
        found = head(database, subject)
        newest = events(database, subject)[-1]
        assert (found["sequence"], found["hash"]) == (newest["sequence"], newest["hash"]) == (number, newest["hash"])
        assert is_signed_by(HOUSE_KEY, found)


def test_the_head_follows_the_transaction(database: Engine) -> None:
    subject = uuid.uuid4()
    append(database, subject)
    with database.connect() as connection:
        append_event(connection, HOUSE_KEY, "run", subject, actor="kim", kind="tried", payload={})
        connection.rollback()
    assert head(database, subject)["sequence"] == len(events(database, subject)) == 1


def test_appends_at_once_wait_for_each_other(database: Engine) -> None:
    subject, start = uuid.uuid4(), threading.Barrier(4)
    append(database, subject)

    def write(_: int) -> None:
        start.wait(20)
        for _ in range(5):
            append(database, subject)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    found = events(database, subject)
    assert [event["sequence"] for event in found] == list(range(1, 22))
    assert [event["previous_hash"] for event in found[1:]] == [event["hash"] for event in found[:-1]]
    assert {event["kind"] for event in found} == {"tried"}
    assert is_signed_by(HOUSE_KEY, head(database, subject))


def test_an_older_record_goes_on_and_says_from_where_it_is_vouched_for(database: Engine) -> None:
    subject = uuid.uuid4()
    append(database, subject)
    append(database, subject)
    as_owner(database, "DELETE FROM event_heads")
    append(database, subject)
    append(database, subject)
    found = events(database, subject)
    assert [event["kind"] for event in found] == ["tried", "tried", "record_taken_over", "tried", "tried"]
    assert found[2]["payload"] == {"found": "unsigned", "sequence": 2, "key_id": None}
    assert found[2]["previous_hash"] == found[1]["hash"]
    assert head(database, subject)["sequence"] == 5
    assert is_signed_by(HOUSE_KEY, head(database, subject))


def test_another_key_says_that_it_took_the_record_over(database: Engine) -> None:
    subject = uuid.uuid4()
    append(database, subject)
    append(database, subject, signer=OTHER_KEY)
    taken = events(database, subject)[1]
    assert taken["payload"] == {"found": "signed_by_another_key", "sequence": 1, "key_id": HOUSE_KEY.key_id}
    assert is_signed_by(OTHER_KEY, head(database, subject))


def test_a_head_that_somebody_changed_is_not_signed_over_in_silence(database: Engine) -> None:
    subject = uuid.uuid4()
    append(database, subject)
    as_owner(database, f"UPDATE event_heads SET hash = '{'f' * 64}'")
    append(database, subject)
    assert events(database, subject)[1]["payload"]["found"] == "signature_wrong"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE run_events SET actor = 'somebody else'",
        "DELETE FROM run_events",
        "TRUNCATE run_events",
        "UPDATE event_heads SET hash = 'x'",
        "UPDATE event_heads SET sequence = sequence - 1",
        "DELETE FROM event_heads",
        "TRUNCATE event_heads",
    ],
)
def test_the_programs_own_user_changes_no_record(database: Engine, statement: str) -> None:
    subject = uuid.uuid4()
    append(database, subject)
    with pytest.raises(ProgrammingError, match="append-only"), database.begin() as connection:
        connection.execute(text(statement))
    assert (len(events(database, subject)), head(database, subject)["sequence"]) == (1, 1)
