"""What things are called."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonmind.missions.ids import BRANCH, MOMENT, REQUIREMENT, SLUG, SUBTASK, ULID, WORK_PACKAGE, make_ulid, make_ulids

times, chances = st.integers(0, 2**48 - 1), st.integers(0, 2**80 - 1)


def test_a_ulid_is_as_its_specification_writes_it() -> None:
    assert make_ulid(1469918176385, 0) == "01ARYZ6S410000000000000000"
    assert make_ulid(2**48 - 1, 2**80 - 1) == "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"


@given(st.tuples(times, chances), st.tuples(times, chances))
def test_ulids_sort_as_their_times_and_chances_do(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert ULID.match(make_ulid(*one))
    assert (make_ulid(*one) < make_ulid(*other)) == (one < other)


@pytest.mark.parametrize(("milliseconds", "chance"), [(-1, 0), (2**48, 0), (0, -1), (0, 2**80)])
def test_what_has_too_many_bits_makes_no_ulid(milliseconds: int, chance: int) -> None:
    with pytest.raises(ValueError, match="48 bits"):
        make_ulid(milliseconds, chance)


@given(times, chances)
def test_ulids_of_one_instant_sort_as_they_stand_whatever_the_chance(milliseconds: int, chance: int) -> None:
    made = make_ulids(4, milliseconds, chance)
    assert made == sorted(set(made))


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (ULID, "01ARYZ6S410000000000000000", "81ARYZ6S410000000000000000"),
        (ULID, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "01ARYZ6S41000000000000000I"),
        (WORK_PACKAGE, "WP0100", "WP1"),
        (WORK_PACKAGE, "WP01", "wp01"),
        (SUBTASK, "T001", "T1"),
        (REQUIREMENT, "NFR-12", "XFR-12"),
        (SLUG, "007-night-shift", "07-night"),
        (SLUG, "1234-x", "007-Night"),
        (SLUG, "007-a-1", "007-a--1"),
        (MOMENT, "2026-12-31T23:59:59.000000Z", "2026-12-32T00:00:00.000000Z"),
        (MOMENT, "2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:00.000000+00:00"),
        (BRANCH, "feature/a.b", "--upload-pack=x"),
        (BRANCH, "x", "a..b"),
        (BRANCH, "lock", "a.lock"),
        (BRANCH, "ünï@work", "a@{1}"),
        (BRANCH, "a-b", "a b"),
        (BRANCH, "a/b/c", "a/.b"),
        (BRANCH, "main", "main/"),
    ],
)
def test_names(pattern: re.Pattern[str], good: str, bad: str) -> None:
    assert pattern.match(good)
    assert not pattern.match(bad)
    assert not pattern.match(good + "\n")


@pytest.mark.parametrize(("pattern", "name"), [(WORK_PACKAGE, "WP٠٢"), (SUBTASK, "T٠٢"), (REQUIREMENT, "FR-٢")])
def test_digits_are_those_of_ascii(pattern: re.Pattern[str], name: str) -> None:
    assert not pattern.match(name)
