"""The lines of the log: what is one, and which of them is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from moonmind.missions import events
from moonmind.missions.errors import MissionError
from moonmind.missions.events import Event, Evidence, ReviewResult, encode_events, last_moment, parse_log
from tests.support.missions import at, event

FULL = event(
    1,
    "in_review",
    "planned",
    actor="Zoë",
    force=True,
    reason="backward rewind",
    evidence=Evidence(branch="work", base="1", subtasks={"T001": "done"}, tracker_refs=["GH-1"]),
    review_ref="review-cycle-1.md",
    review_result=ReviewResult(verdict="rejected", reviewer="bob", cycle=1),
)
LINE = encode_events([FULL])


def line(**changed: Any) -> bytes:
    """The line of an event that says something else; `...`: says nothing of it."""
    said = {**json.loads(LINE), **changed}
    return json.dumps({key: value for key, value in said.items() if value is not ...}).encode() + b"\n"


def broken(content: bytes) -> MissionError:
    with pytest.raises(MissionError) as caught:
        parse_log(content, name="the.log")
    return caught.value


def test_what_was_written_is_read() -> None:
    log = [FULL, event(2, "planned", "claimed")]
    assert parse_log(encode_events(log)) == log


def test_a_line_has_all_keys_sorted() -> None:
    keys = list(json.loads(LINE))
    assert keys == sorted(Event.__struct_fields__)


def test_an_empty_log_has_no_events() -> None:
    assert parse_log(b"") == []


def test_white_space_around_an_event_is_no_matter() -> None:
    assert parse_log(b" " + LINE[:-1] + b" \r\n" + LINE) == [FULL, FULL]


@pytest.mark.parametrize("colon", [b":", b" :\t"])
def test_the_alias_of_a_lane_is_taken(colon: bytes) -> None:
    both = line(from_lane="doing", to_lane="doing").replace(b': "doing"', colon + b'"doing"')
    assert [(one.from_lane, one.to_lane) for one in parse_log(both + LINE)] == [
        ("in_progress", "in_progress"),
        ("in_review", "planned"),
    ]


def test_words_of_people_are_no_aliases() -> None:
    said = '"to_lane": "doing"'
    assert [one.reason for one in parse_log(line(reason=said, actor="doing", to_lane="doing"))] == [said]


@pytest.mark.parametrize(
    "bad",
    [
        b"\n",
        b"<<<<<<< HEAD\n",
        b"[]\n",
        LINE[:-1] + LINE,
        LINE.replace(b",", b",\n", 1),
        LINE.replace("Zoë".encode(), b"\xff"),
        b'{"a":' * 100_000 + b"\n",
        line(more=1),
        line(actor=...),
        line(reason=...),
        line(to_lane="finished"),
        line(to_lane=["doing"]),
        line(force=1),
        line(event_id="1"),
        line(event_id="01ARZ3NDEKTSV4RRFFQ69G5FAV\n"),
        line(mission_id="x"),
        line(wp_id="WP1"),
        line(wp_id="WP٠٢"),
        line(wp_id="WP01\n"),
        line(at="2026-11-21T09:00:00Z"),
        line(at="2026-13-21T09:00:00.000000Z"),
        line(at="2026-11-21T24:00:00.000000Z"),
        line(evidence={"why": "so"}),
        line(evidence={"subtasks": {"T001": "half"}}),
        line(review_result={"verdict": "maybe", "reviewer": "bob"}),
    ],
)
def test_a_line_that_is_no_event_is_named(bad: bytes) -> None:
    error = broken(LINE + bad + LINE)
    assert error.code == "BrokenEventLog"
    assert error.details == {"line": 2}
    assert str(error).startswith("the.log, line 2: ")


def test_ids_that_hide_a_second_row_of_ids_are_found_out() -> None:
    row = " ".join([FULL.event_id, FULL.at, FULL.wp_id, FULL.mission_id])
    assert broken(line(event_id=f"{row}\n{FULL.event_id}")).details == {"line": 1}


def test_a_line_that_is_not_ended_is_named_even_where_it_is_an_event() -> None:
    error = broken(LINE + LINE[:-1])
    assert error.details == {"line": 2}
    assert "not ended" in str(error)


def test_what_takes_the_last_commits_file_works_in_every_folder() -> None:
    assert "git checkout HEAD -- :/the.log" in str(broken(b"x\n"))


def test_a_log_beyond_all_measure_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MAX_LOG_BYTES", len(LINE))
    assert parse_log(LINE) == [FULL]
    assert "more than" in str(broken(LINE + LINE))


def test_the_last_moment_is_the_latest_wherever_it_stands() -> None:
    assert last_moment([event(2, "planned", "claimed"), event(1, "planned", "claimed")]) == at(2)
    assert last_moment([]) is None
