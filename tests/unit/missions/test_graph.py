"""What waits for what, and circles of it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonmind.missions.graph import dependents_of, everything_before, find_cycle

DIAMOND = {"WP01": (), "WP02": ("WP01",), "WP03": ("WP01",), "WP04": ("WP02", "WP03")}

names = st.sampled_from([f"WP{number:02}" for number in range(1, 9)])
graphs = st.dictionaries(names, st.lists(names, max_size=4, unique=True))


def test_a_diamond_is_no_circle() -> None:
    assert find_cycle(DIAMOND) is None


@pytest.mark.parametrize(
    ("dependencies", "cycle"),
    [
        ({"WP01": ("WP01",)}, ("WP01", "WP01")),
        ({"WP01": ("WP02",), "WP02": ("WP03",), "WP03": ("WP02",)}, ("WP02", "WP03", "WP02")),
        ({**DIAMOND, "WP01": ("WP04",)}, ("WP01", "WP04", "WP02", "WP01")),
    ],
)
def test_a_circle_is_shown_with_its_first_at_the_end_and_without_the_way_to_it(
    dependencies: dict[str, tuple[str, ...]], cycle: tuple[str, ...]
) -> None:
    assert find_cycle(dependencies) == cycle


def test_what_nobody_describes_waits_for_nothing() -> None:
    assert find_cycle({"WP01": ("WP77",)}) is None
    assert everything_before({"WP01": ("WP77",)}, "WP01") == {"WP77"}
    assert everything_before({}, "WP01") == frozenset()


def test_dependents_are_the_direct_ones_in_the_order_of_the_file() -> None:
    assert dependents_of({"WP03": ("WP01",), "WP02": ("WP01",), "WP04": ("WP03",)}, "WP01") == ("WP03", "WP02")


def test_before_a_package_is_all_that_it_waits_for_by_whatever_way() -> None:
    assert everything_before(DIAMOND, "WP04") == {"WP01", "WP02", "WP03"}
    assert everything_before(DIAMOND, "WP01") == frozenset()


def test_in_a_circle_a_package_stands_before_itself() -> None:
    assert everything_before({"WP01": ("WP02",), "WP02": ("WP01",)}, "WP01") == {"WP01", "WP02"}


def test_five_thousand_packages_in_a_row_are_looked_through() -> None:
    row = {f"WP{number}": (f"WP{number + 1}",) for number in range(5000)}
    assert find_cycle(row) is None
    assert find_cycle({**row, "WP5000": ("WP0",)}) == (*row, "WP5000", "WP0")
    assert len(everything_before(row, "WP0")) == 5000


@given(graphs)
def test_there_is_a_circle_exactly_where_a_package_stands_before_itself(dependencies: dict[str, list[str]]) -> None:
    cycle = find_cycle(dependencies)
    assert (cycle is not None) == any(wp_id in everything_before(dependencies, wp_id) for wp_id in dependencies)
    if cycle:
        assert cycle[0] == cycle[-1]
        assert all(after in dependencies[before] for before, after in pairwise(cycle))
        assert len(set(cycle)) == len(cycle) - 1
