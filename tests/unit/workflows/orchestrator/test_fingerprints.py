"""Which failures are the same, what of a remedy is kept, and what memory says about candidates and plans."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonmind.schemas.workflow_models import Edit, EvidenceLine, Finding
from moonmind.workflows.orchestrator.fingerprints import Tried, count, fingerprint, normalised, remedy_of
from moonmind.workflows.orchestrator.planners import Remembered
from moonmind.workflows.orchestrator.planners.memory import prefer, recall

RUN = UUID(int=7)
OTHER = UUID(int=8)


def finding(line: str, **fields: str) -> Finding:
    evidence = (EvidenceLine(source="shop.log", line=1, text=line),)
    given = {"kind": "python_module_missing", "subject": "yaml", "summary": "missing", **fields}
    return Finding(**given, evidence=evidence)  # type: ignore[arg-type]  # the fields are strings


SAME = [
    ("ModuleNotFoundError: No module named 'yaml'", "shop-1  | ModuleNotFoundError: No module named 'yaml'"),
    ("error: /app/src/a.c:12: no such file", "error: /srv/other/build/b.c:7: no such file"),
    ("cannot bind 0.0.0.0:8000", "cannot bind 127.0.0.1:31999"),
    ("2026-11-21T18:02:03.123Z failed", "2025-01-01T00:00:00.001Z failed"),
    ("requires urllib3<2.0.1rc1", "requires urllib3<1.26.20"),
    ("object at 0x7f92d96ba5c0 is gone", "object at 0x55e1 is gone"),
    ("image sha256:9f86d081884c7d65 is gone", "image sha256:60303ae22b998861 is gone"),
    ("no  such\tfile ", "No such file"),
]
OTHERS = [
    ("No module named 'yaml'", "No module named 'toml'"),
    ("libpq.so is missing", "libxml.so is missing"),
    ("the cache was defaced", "the cache was effaced"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_occurrences_of_a_failure_have_one_fingerprint(one: str, other: str) -> None:
    assert fingerprint(finding(one)) == fingerprint(finding(other))


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_two_failures_have_two(one: str, other: str) -> None:
    assert fingerprint(finding(one)) != fingerprint(finding(other))


def test_kind_and_subject_count_and_the_summary_does_not() -> None:
    plain = finding("x")
    assert fingerprint(plain) == fingerprint(finding("x", summary="missing: no distribution was found"))
    assert len({fingerprint(one) for one in (plain, finding("x", subject="toml"), finding("x", kind="other"))}) == 3


@given(st.text(max_size=3000))
def test_any_line_has_a_form_that_stays(line: str) -> None:
    once = normalised(line)
    assert len(once) <= 3 * 1000
    assert normalised(line + " ") == once or len(line) >= 1000


def edit(kind: str = "requirement_add", file: str = "requirements.txt", **fields: str) -> Edit:
    return Edit(kind=kind, file=file, reason="r", **fields)  # type: ignore[arg-type]  # a kind of the vocabulary


def test_a_remedy_holds_no_file_no_text_and_no_lock() -> None:
    edits = [
        edit(name="PyYAML", version="==6.0.2"),
        edit("text_replace", "app.py", old="secret\n", new="x\n"),
        edit("text_replace", "uv.lock", old="a\n", new="b\n"),
    ]
    remedy = remedy_of(edits)
    assert {"kind": "requirement_add", "name": "PyYAML", "version": "==6.0.2"} in remedy
    assert [set(part) for part in remedy if part["kind"] == "text_replace"] == [{"kind", "digest"}]
    assert remedy == remedy_of(edits[::-1])
    assert "secret" not in str(remedy)


def test_times_are_counted_by_remedy() -> None:
    one, other = remedy_of([edit(name="PyYAML")]), remedy_of([edit(name="yaml3")])
    counted = count([Tried(RUN, one, True), Tried(OTHER, other, False), Tried(OTHER, one, False)])
    assert [(entry.edits[0].name, entry.repaired, entry.tried, entry.last_run) for entry in counted] == [
        ("PyYAML", 1, 2, RUN),
        ("yaml3", 0, 1, OTHER),
    ]


def before(name: str, repaired: int, tried: int) -> Remembered:
    return Remembered((edit(name=name),), repaired, tried, RUN)


PREFERRED = [
    ([], None),
    ([before("b", 4, 4)], "b"),
    ([before("B", 4, 4)], "b"),
    ([before("b", 1, 2)], None),
    ([before("b", 2, 2), before("a", 2, 2)], None),
    ([before("b", 3, 3), before("a", 3, 4)], "b"),
    ([before("b", 3, 3), before("b", 0, 3)], None),
    ([before("elsewhere", 9, 9)], None),
]


@pytest.mark.parametrize(("remembered", "preferred"), PREFERRED)
def test_what_repaired_before_is_preferred_among_candidates_alone(
    remembered: list[Remembered], preferred: str | None
) -> None:
    assert prefer(["a", "b"], remembered, str) == preferred


def test_a_plan_says_how_often_it_repaired_before() -> None:
    edits = [edit(name="pyyaml", version="==6")]
    assert recall(edits, [before("PyYAML", 3, 4)]) == f"repaired this 3 of 4 times before (last: run {RUN})"
    assert recall(edits, [before("toml", 4, 4)]) is None
    assert recall([edit("text_replace", old="a\n", new="b\n")], [before("PyYAML", 3, 4)]) is None
