"""Slips of the keyboard against deliberate variants."""

from __future__ import annotations

import pytest

from moonmind.workflows.orchestrator.planners.spelling import is_near, is_slip


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("reqeusts", "requests"),
        ("jsno", "json"),
        ("jsonn", "json"),
        ("colections", "collections"),
        ("collecions", "collections"),
        ("calender", "calendar"),
        ("Datetime", "datetime"),
        ("date_time", "datetime"),
        ("dattetime", "datetime"),
        ("request", "requests"),
        ("subproccess", "subprocess"),
    ],
)
def test_slips(name: str, of: str) -> None:
    assert is_slip(name, of)


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("json", "json"),
        ("ujson", "json"),
        ("httpx", "http"),
        ("glob2", "glob"),
        ("cmd2", "cmd"),
        ("typer", "types"),
        ("tomli", "toml"),
        ("psycopg", "psycopg2"),
        ("nose", "jose"),
        ("random2", "random"),
        ("pathlib2", "pathlib"),
        ("sh", "ssh"),
        ("redis", "regex"),
        ("attrs", "array"),
        ("", "json"),
    ],
)
def test_variants_and_other_words_are_no_slips(name: str, of: str) -> None:
    assert not is_slip(name, of)


@pytest.mark.parametrize(
    ("name", "of"), [("invoices", "invoice"), ("pricng", "pricing"), ("bilings", "billings"), ("storx", "store")]
)
def test_nearness_is_wider(name: str, of: str) -> None:
    assert is_near(name, of)


@pytest.mark.parametrize(("name", "of"), [("a", "b"), ("app", "apt"), ("shop", "pricing"), ("store", "store")])
def test_nearness_needs_letters_to_compare(name: str, of: str) -> None:
    assert not is_near(name, of)
