"""npm's ranges as node-semver reads them: each row was compared with node-semver 7."""

from __future__ import annotations

from time import perf_counter

import pytest

from moonmind.workflows.orchestrator.planners.npm_versions import (
    admits,
    newest,
    parse_version,
    runs_on,
    style_of,
)


@pytest.mark.parametrize(
    ("wanted", "inside", "outside"),
    [
        ("^1.2.3", ["1.2.3", "1.9.9"], ["1.2.2", "2.0.0"]),
        ("^0.2.3", ["0.2.3", "0.2.9"], ["0.3.0", "1.0.0"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4"]),
        ("^0", ["0.3.0"], ["1.0.0"]),
        ("~1.2", ["1.2.0", "1.2.9"], ["1.3.0"]),
        ("~>1.2.3", ["1.2.3"], ["1.3.0"]),
        ("1.x", ["1.0.0", "1.9.9"], ["2.0.0"]),
        ("1.2.3", ["1.2.3"], ["1.2.9"]),
        ("=v1.2.3", [], ["1.2.4"]),
        ("v1.2.3", ["1.2.3"], ["1.2.4"]),
        ("*", ["0.0.1", "99.0.0"], []),
        ("", ["0.0.1", "99.0.0"], []),
        (">= 1.0 <2", ["1.0.0", "1.9.9"], ["2.0.0", "0.9.0"]),
        (">1", ["2.0.0"], ["1.9.9"]),
        (">1.2", ["1.3.0"], ["1.2.9"]),
        ("<=1.2", ["1.2.9", "0.1.0"], ["1.3.0"]),
        ("<1.2.x", ["1.1.9"], ["1.2.0"]),
        ("1 - 2.3", ["1.0.0", "2.3.9"], ["2.4.0"]),
        ("1.2.3 - 2.3.4", ["1.2.3", "2.3.4"], ["2.3.5"]),
        ("^18 || >=20", ["18.5.0", "20.1.0", "22.0.0"], ["19.0.0"]),
        ("latest", [], ["1.0.0"]),
        ("git+https://example.com/x.git", [], ["1.0.0"]),
        (">*", [], ["1.0.0"]),
    ],
)
def test_a_range_admits_what_node_semver_admits(wanted: str, inside: list[str], outside: list[str]) -> None:
    assert [one for one in inside if not admits(wanted, parse_version(one) or (0, 0, 0))] == []
    assert [one for one in outside if admits(wanted, parse_version(one) or (0, 0, 0))] == []


@pytest.mark.parametrize("text", ["1.2", "1.2.3-beta.1", "latest", "", "1.2.3.4", "0.0.1-security"])
def test_what_is_no_stable_version_is_none(text: str) -> None:
    assert parse_version(text) is None


def test_versions_are_compared_as_numbers() -> None:
    assert newest(["1.9.0", "1.10.0", "2.0.0-rc.1", "1.2.0"]) == "1.10.0"
    assert newest(["beta"]) is None


@pytest.mark.parametrize(
    ("engines", "node", "runs"),
    [
        (">=18", "20", True),
        (">=22.12", "20", False),
        ("^20.9.0 || >=22", "20", True),
        (">=20.19", "20.10.0", False),
        ("<20", "20", False),
        (None, "20", True),
        (">=99", None, True),
    ],
)
def test_a_bare_major_stands_for_its_last_version(engines: str | None, node: str | None, runs: bool) -> None:
    assert runs_on(engines, node) is runs


@pytest.mark.parametrize(
    ("wanted", "style"),
    [("^1.2.3", "^"), ("~1.2.3", "~"), ("1.2.3", ""), (">=1", None), ("1 - 2", None), ("^1 || ^2", None), ("*", None)],
)
def test_the_style_of_a_range(wanted: str, style: str | None) -> None:
    assert style_of(wanted) == style


def test_a_hostile_range_takes_no_time() -> None:
    started = perf_counter()
    for wanted in ("1." * 100_000, " " * 400 + "^" * 90, "1 - " * 120, "||" * 249, ">= " * 160):
        admits(wanted, (1, 0, 0))
    assert perf_counter() - started < 1
