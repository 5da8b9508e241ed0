"""A stream that is cut anywhere and taken up again is the stream that never was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonmind.schemas.workflow_models import StepName
from moonmind.workflows.orchestrator.event_stream import (
    BEGINNING,
    BOUNDARIES,
    CHUNK,
    LONGEST_LINE,
    MOST_LINES,
    Batch,
    EventId,
    LogEnd,
    Recorded,
    Sent,
    cut_lines,
    next_batch,
    parse_event_id,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
STEPS = [StepName.ANALYZE, StepName.PATCH, StepName.BUILD]


@dataclass
class Diary:
    """A run as it is on record, which grows; nobody writes to a log once a boundary is on record after it."""

    kinds: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    logs: dict[tuple[str, int], bytes] = field(default_factory=dict)

    def events(self) -> list[Recorded]:
        kinds = [kind for kind, _ in self.kinds]
        return [
            Recorded(n, NOON, "worker", kind, body, sealed=bool(BOUNDARIES & set(kinds[n:])))
            for n, (kind, body) in enumerate(self.kinds, 1)
        ]

    def add(self, kind: str, **body: object) -> None:
        self.kinds.append((kind, body))

    def start(self, step: StepName) -> None:
        attempt = 1 + sum(kind == "step_started" and body["step"] == step for kind, body in self.kinds)
        self.add("step_started", step=step, attempt=attempt)
        self.logs[step, attempt] = b""

    def write(self, data: bytes) -> None:
        """To the log of the step that is on, if one is."""
        boundaries = [(kind, body) for kind, body in self.kinds if kind in BOUNDARIES]
        if boundaries and boundaries[-1][0] == "step_started":
            self.logs[boundaries[-1][1]["step"], boundaries[-1][1]["attempt"]] += data  # type: ignore[index]

    def read(self, step: StepName, attempt: int, offset: int) -> bytes:
        return self.logs[step, attempt][offset : offset + CHUNK]

    def next(self, since: EventId) -> Batch:
        return next_batch(self.events(), since, self.read)

    def rest(self, since: EventId = BEGINNING) -> Iterator[Sent]:
        """All there is after an id."""
        while (batch := self.next(since)).sent or batch.more:
            yield from batch.sent
            since = batch.sent[-1].id
            if since.is_over:
                return


def whole_run() -> Diary:
    diary = Diary()
    diary.add("run_created")
    diary.start(StepName.ANALYZE)
    diary.write(b"looked\r\nfound\n")
    diary.add("cancel_requested")
    diary.write(b"last words")
    diary.add("plan_made")
    diary.add("step_finished")
    diary.add("run_finished", status="cancelled")
    diary.add("approval_refused")
    return diary


def test_a_log_comes_right_after_its_step_began_and_before_what_else_happened_meanwhile() -> None:
    sent = list(whole_run().rest())
    assert [(str(event.id), event.data.get("kind") or event.data.get("text")) for event in sent[:-1]] == [
        ("1.-.0", "run_created"),
        ("2.-.0", "step_started"),
        ("2.analyze.8", "looked"),
        ("2.analyze.14", "found"),
        ("2.analyze.24", "last words"),
        ("3.-.0", "cancel_requested"),
        ("4.-.0", "plan_made"),
        ("5.-.0", "step_finished"),
        ("6.-.0", "run_finished"),
    ]
    assert sent[2].data == {"step": "analyze", "attempt": 1, "text": "looked"}


def test_the_end_is_the_last_thing_whatever_is_recorded_later() -> None:
    diary = whole_run()
    last = list(diary.rest())[-1]
    assert (last.kind, str(last.id), last.data) == ("end", "6.end.0", {"status": "cancelled"})
    assert [event.kind for event in diary.rest(EventId(6))] == ["end"]


def test_an_event_is_sent_as_it_is_recorded_in_utc() -> None:
    event = replace(whole_run().events()[0], at=NOON.astimezone(timezone(timedelta(hours=2))), payload={"a": [1]})
    (sent,) = next_batch([event], EventId(), whole_run().read).sent
    said = {"actor": "worker", "kind": "run_created", "payload": {"a": [1]}}
    assert sent.data == {"sequence": 1, "at": "2026-11-21T12:00:00Z", **said}


def test_while_a_step_is_on_its_log_is_sent_by_whole_lines_and_nothing_after_it() -> None:
    diary = Diary()
    diary.start(StepName.BUILD)
    diary.write(b"one\nhalf a li")
    diary.add("cancel_requested")
    batch = diary.next(BEGINNING)
    assert [str(event.id) for event in batch.sent] == ["1.-.0", "1.build.4"]
    assert (batch.more, batch.log) == (False, LogEnd(StepName.BUILD, 1, 13))
    assert diary.next(batch.sent[-1].id) == Batch((), log=LogEnd(StepName.BUILD, 1, 13))


@pytest.mark.parametrize("boundary", ["step_finished", "step_started", "approval_needed"])
def test_whatever_ends_an_attempt_ends_its_log(boundary: str) -> None:
    diary = Diary()
    diary.start(StepName.BUILD)
    diary.write(b"half a line")
    diary.add(boundary, step="build", attempt=2)
    diary.logs["build", 2] = b""
    assert [event.data.get("text") for event in diary.next(BEGINNING).sent[:2]] == [None, "half a line"]


@pytest.mark.parametrize(
    "kind", ["cancel_requested", "approval_given", "approval_refused", "plan_made", "of_a_later_day"]
)
def test_nothing_else_does(kind: str) -> None:
    diary = Diary()
    diary.start(StepName.BUILD)
    diary.write(b"half a line")
    diary.add(kind)
    assert len(diary.next(BEGINNING).sent) == 1


def test_a_long_log_comes_in_batches() -> None:
    diary = Diary()
    diary.start(StepName.BUILD)
    diary.write((b"x" * 127 + b"\n") * (CHUNK // 128) + b"last\n")
    batch = diary.next(BEGINNING)
    assert (len(batch.sent), batch.more, batch.log) == (1 + CHUNK // 128, True, None)
    assert [event.data["text"] for event in diary.next(batch.sent[-1].id).sent] == ["last"]


def test_a_log_of_nothing_but_line_ends_comes_in_batches_too() -> None:
    diary = Diary()
    diary.start(StepName.BUILD)
    diary.write(b"\n" * (MOST_LINES + 2))
    batch = diary.next(EventId(1))
    assert (len(batch.sent), batch.more, batch.log) == (MOST_LINES, True, None)
    assert diary.next(batch.sent[-1].id).log == LogEnd(StepName.BUILD, 1, MOST_LINES + 2)


@pytest.mark.parametrize(
    ("data", "lengths"),
    [
        (b"", []),
        (b"a\n\nb", [2, 1, 1]),
        (b"x" * LONGEST_LINE + b"\n", [LONGEST_LINE + 1]),
        (b"x" * (LONGEST_LINE + 1) + b"\n", [LONGEST_LINE, 2]),
        ("é".encode() * LONGEST_LINE, [LONGEST_LINE] * 2),
        (b"x" + "é".encode() * LONGEST_LINE, [LONGEST_LINE - 1, LONGEST_LINE, 2]),
        (b"\x80" * (LONGEST_LINE + 9), [LONGEST_LINE - 3, 12]),
    ],
)
def test_lines_are_cut_between_characters_and_never_longer_than_the_longest(data: bytes, lengths: list[int]) -> None:
    assert [len(line) for line in cut_lines(data, is_whole=True)] == lengths


def test_what_is_no_text_is_sent_all_the_same() -> None:
    diary = Diary()
    diary.start(StepName.BUILD)
    diary.write(b"\xff\x00\x1b[1m\n")
    assert diary.next(EventId(1)).sent[0].data["text"] == "\ufffd\x00\x1b[1m"


@pytest.mark.parametrize("text", ["7.-.0", "7.end.0", "7.build.1", "123456789.rollback.99999999999"])
def test_an_id_is_read_as_it_was_written(text: str) -> None:
    assert str(parse_event_id(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "7", "7.-", "7.-.1", "7.end.1", "7.build.0", "0.-.0", "07.-.0", "7.sell.3", "7.build.01", "-7.-.0"),
        *("7.build.-1", "7.-.0 ", "7.-.0\n", "٧.-.0", "7.build.١", "9999999999.-.0", "7.build.9999999999999999999"),
        "x" * 10_000,
    ],
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        parse_event_id(text)


# --- any history, any cut ---------------------------------------------------------------------------------

TEXT = st.lists(
    st.sampled_from([b"a", b"\n", b"\r\n", "é".encode(), b"\xff", b"x" * 5000, b"y" * 70_000, b"\n" * 1500])
).map(b"".join)
ACT = st.one_of(
    st.builds(lambda data: lambda diary: diary.write(data), TEXT),
    st.sampled_from(["plan_made", "cancel_requested", "approval_given", "step_finished", "approval_needed"]).map(
        lambda kind: lambda diary: diary.add(kind)
    ),
    st.sampled_from(STEPS).map(lambda step: lambda diary: diary.start(step)),
)


@settings(deadline=None)
@given(acts=st.lists(st.tuples(ACT, st.booleans(), st.integers(0, 9)), max_size=25))
def test_any_history_read_while_it_happens_and_cut_anywhere_is_the_one_read_at_the_end(
    acts: list[tuple[Callable[[Diary], None], bool, int]],
) -> None:
    diary, seen = Diary(), list[Sent]()

    def read(keep: int | None) -> None:
        """One batch, of which so many arrive before the connection is cut."""
        since = parse_event_id(str(seen[-1].id)) if seen else BEGINNING
        seen.extend(diary.next(since).sent[:keep])

    diary.add("run_created")
    for act, looks, arrive in acts:
        act(diary)
        if looks:
            read(arrive)
    diary.add("run_finished", status="succeeded")
    while not (seen and seen[-1].id.is_over):
        read(None)
    assert seen == list(diary.rest())
    assert [str(event.id) for event in seen] == sorted({str(event.id): None for event in seen}, key=_order)


@settings(deadline=None)
@given(acts=st.lists(ACT, max_size=25))
def test_no_event_and_no_byte_of_a_log_is_left_out(acts: list[Callable[[Diary], None]]) -> None:
    diary = Diary()
    diary.add("run_created")
    for act in acts:
        act(diary)
    diary.add("run_finished", status="succeeded")
    sent = list(diary.rest())
    assert [event.data["sequence"] for event in sent if event.kind == "state"] == list(range(1, len(diary.kinds) + 1))
    last = {(e.data["step"], e.data["attempt"]): e.id.offset for e in sent if e.kind == "log"}
    assert last == {key: len(data) for key, data in diary.logs.items() if data}


def _order(text: str) -> tuple[int, bool, int]:
    found = parse_event_id(text)
    return found.sequence, found.is_over, found.offset
