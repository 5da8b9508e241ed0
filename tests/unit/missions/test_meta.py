"""`meta.json`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from moonmind.missions.errors import MissionError
from moonmind.missions.meta import encode_meta, parse_meta
from tests.support.missions import SLUG, meta

COORDINATED = {"topology": "coordination", "coordination_branch": "missions"}


def said(**changed: Any) -> bytes:
    return json.dumps({**json.loads(encode_meta(meta())), **changed}).encode()


def refusal(content: bytes, folder: str = SLUG) -> str:
    with pytest.raises(MissionError) as caught:
        parse_meta(content, folder)
    assert caught.value.code == "BrokenMeta"
    return str(caught.value)


def test_what_was_written_is_read() -> None:
    both = meta(), meta(**COORDINATED, protected_branches=["main", "release/1"])
    assert [parse_meta(encode_meta(one), SLUG) for one in both] == list(both)


def test_it_is_written_for_people_and_git() -> None:
    assert encode_meta(meta()).startswith(b'{\n  "mission_id": ')
    assert encode_meta(meta()).endswith(b"\n}\n")


def test_a_mission_has_the_number_of_its_folder() -> None:
    assert meta().number == 7


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "truncated"),
        (b"\xff", "malformed"),
        (b'{"title": "\xff"}', "utf-8"),
        (b"[" * 100_000, "object"),
        (b"{}", "mission_id"),
        (said(more=1), "more"),
        (said(mission_id="7"), "mission_id"),
        (said(title=""), "title"),
        (said(created_at="today"), "created_at"),
        (said(topology="star"), "star"),
        (said(target_branch="--upload-pack=x"), "target_branch"),
        (said(protected_branches=["a b"]), "protected_branches"),
        (said(slug="008-day"), "008-day"),
        (said(slug="Night"), "slug"),
        (said(coordination_branch="missions"), "coordination_branch"),
        (said(topology="coordination"), "coordination_branch"),
        (said(topology="coordination", coordination_branch="main"), "two branches"),
        (said(**COORDINATED, protected_branches=["missions"]), "protected"),
    ],
)
def test_what_is_wrong_is_named_and_so_is_the_file(content: bytes, named: str) -> None:
    why = refusal(content)
    assert why.startswith(f"specs/{SLUG}/meta.json: ")
    assert named in why
