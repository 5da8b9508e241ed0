"""Is a record whole? Its chain, and the signed head that it must end with. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from moonmind.engine.events import FIRST_PREVIOUS, TAKEN_OVER, Event, Head, event_hash, head_bytes
from moonmind.evidence.keys import PublicKey
from moonmind.evidence.report import Check, make_check
from moonmind.evidence.shapes import SUBJECT, EventLine, HeadPart

OTHER_KEY = "signed_by_another_key"


def check_chain(run: UUID, events: Sequence[EventLine], trusted: Sequence[PublicKey]) -> Check:
    """Numbers without a gap, each hash over the event and the hash before it, all of it under keys that are trusted."""
    seen = f"{len(events)} events, each chained to the one before"
    taken = {event.sequence: event.payload for event in events if event.kind == TAKEN_OVER}
    known = {key.key_id for key in trusted}
    is_known = {number: said.get("key_id") in known for number, said in taken.items() if said.get("found") == OTHER_KEY}
    doubts = [_doubt(number, said) for number, said in taken.items() if not is_known.get(number)]
    notes = [_doubt(number, taken[number]) for number, known in is_known.items() if known]
    return make_check("record", seen, (*_breaks(run, events), *doubts), notes)


def check_head(run: UUID, head: HeadPart | None, events: Sequence[EventLine], trusted: Sequence[PublicKey]) -> Check:
    """The record ends where somebody signed that it ends."""
    if head is None:
        return make_check(
            "head", "no head", ["nobody signed how far the record goes: it may have been cut or made anew"]
        )
    return make_check(
        "head", f"event {head.sequence}, signed by key {head.key_id}", _head_findings(run, head, events, trusted)
    )


def _breaks(run: UUID, events: Sequence[EventLine]) -> Iterator[str]:
    previous = FIRST_PREVIOUS
    if not events:
        yield "there is no event at all"
    for number, event in enumerate(events, start=1):
        if event.sequence != number:
            yield f"event {number} has the number {event.sequence}: events are missing, doubled or in another order"
        if event.previous_hash != previous:
            yield f"event {event.sequence} ({event.kind}) does not follow what stands before it"
        said = Event(SUBJECT, run, event.sequence, event.at, event.actor, event.kind, event.payload)
        if event_hash(event.previous_hash, said) != event.hash:
            yield f"event {event.sequence} ({event.kind}) is not what was hashed when it was written"
        previous = event.hash


def _doubt(number: int, said: Mapping[str, Any]) -> str:
    """What the installation's key found when it took a record over with event `number`."""
    match said.get("found"):
        case "unsigned":
            return f"nobody had signed what stands before event {number}: it was begun before heads were signed, or cut"
        case found if found == OTHER_KEY:
            return f"what stands before event {number} was signed by another key, {said.get('key_id')}"
        case _:
            return f"what stands before event {number} had a head with a wrong signature"


def _head_findings(
    run: UUID, head: HeadPart, events: Sequence[EventLine], trusted: Sequence[PublicKey]
) -> Iterator[str]:
    if (head.subject_kind, head.subject_id) != (SUBJECT, run):
        yield f"the head is that of {head.subject_kind} {head.subject_id}"
    if not events or (head.sequence, head.hash) != (events[-1].sequence, events[-1].hash):
        last = f"event {events[-1].sequence}" if events else "nothing"
        yield f"the head was signed for a record that ends with event {head.sequence}, {head.hash}"
        yield f"this record ends with {last}, or its hashes were made anew"
    key = next((key for key in trusted if key.key_id == head.key_id), None)
    if key is None:
        yield f"the head was signed by another key, {head.key_id}: if that is yours too, give its file with --key"
        return
    said = Head(head.subject_kind, head.subject_id, head.sequence, head.hash, head.key_id)
    if not key.verifies(head_bytes(said), _bytes_of(head.signature)):
        yield "the head's signature is wrong"


def _bytes_of(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
