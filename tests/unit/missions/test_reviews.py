"""Review-cycle files: what is written is read, and what cannot be read is never guessed."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonmind.missions.errors import MissionError
from moonmind.missions.events import Verdict
from moonmind.missions.reviews import cycle_name, encode_review, latest_cycle, parse_review

AT = "2026-11-21T09:30:00.000000Z"
REJECTED = encode_review(cycle=3, verdict="rejected", reviewer="ann: lead", at=AT, text="Handle\n---\nempty files")


def test_a_review_is_front_matter_and_the_text() -> None:
    assert REJECTED.decode() == (
        "---\ncycle: 3\nverdict: rejected\nreviewer: 'ann: lead'\nat: '2026-11-21T09:30:00.000000Z'\n---\n\n"
        "Handle\n---\nempty files\n"
    )


texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.integers(1, 10**6), st.sampled_from(get_args(Verdict)), texts.filter(bool), texts)
def test_the_verdict_that_is_written_is_read(cycle: int, verdict: Verdict, reviewer: str, text: str) -> None:
    assert parse_review(encode_review(cycle=cycle, verdict=verdict, reviewer=reviewer, at=AT, text=text)) == verdict


def test_line_ends_do_not_matter() -> None:
    assert parse_review(REJECTED.replace(b"\n", b"\r\n")) == "rejected"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"rejected", b"reject"),
        (b"rejected", b"REJECTED"),
        (b"rejected", b"[rejected]"),
        (b"verdict: rejected\n", b""),
        (b"verdict: rejected\n", b"verdict: rejected\nverdict: approved\n"),
        (b"verdict: rejected\n", b"verdict:\n"),
        (b"cycle: 3", b"cycle: three"),
        (b"cycle: 3", b"cycle: 0"),
        (b"reviewer: 'ann: lead'", b"reviewer: ''"),
        (AT.encode(), b"yesterday"),
        (b"at:", b"when:"),
        (b"cycle", b"severity: high\ncycle"),
        (b"---\n", b""),
        (b"ann", b"\xff"),
        (REJECTED, b""),
    ],
)
def test_a_file_that_says_something_else_is_unreadable(old: bytes, new: bytes) -> None:
    assert old in REJECTED
    assert parse_review(REJECTED.replace(old, new)) is None


def test_a_reviewer_who_is_no_text_is_refused() -> None:
    with pytest.raises(MissionError) as caught:
        encode_review(cycle=1, verdict="approved", reviewer="\udcff", at=AT, text="")
    assert caught.value.code == "NotText"


def test_the_latest_cycle_is_the_greatest_number() -> None:
    assert latest_cycle(["review-cycle-2.md", cycle_name(10), "review-cycle-9.md", "notes.md"]) == 10


@pytest.mark.parametrize("names", [[], ["notes.md", "review-cycle-0.md", "review-cycle-03.md", "review-cycle-1.txt"]])
def test_without_a_cycle_it_is_none(names: list[str]) -> None:
    assert latest_cycle(names) == 0
