"""The kept data: whole, sorted, and with its sources."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest
from packaging.utils import canonicalize_name

from moonmind.workflows.orchestrator.planners.import_names import known_names

DOCUMENT = json.loads(
    (files("moonmind.workflows.orchestrator") / "data" / "import_names.json").read_text(encoding="utf-8")
)


def test_every_source_has_its_version_and_licence() -> None:
    assert DOCUMENT["sources"]
    for source in DOCUMENT["sources"]:
        assert {"package", "version", "licence", "file"} == set(source)
        assert all(source.values())


def test_names_are_sorted_import_names_and_distributions_are_normalised() -> None:
    assert list(DOCUMENT["names"]) == sorted(DOCUMENT["names"])
    for name, known in known_names().items():
        assert all(part.isidentifier() for part in name.split(".")), name
        assert known.candidates, name
        assert [canonicalize_name(one) for one in known.candidates] == list(known.candidates), name


def test_what_is_sure_has_a_choice_and_says_who_made_it() -> None:
    sources = {source["package"] for source in DOCUMENT["sources"]}
    sure = [known for known in known_names().values() if known.sure]
    assert len(sure) > 5000
    assert all(known.choice and known.by and set(known.by) <= sources for known in sure)


@pytest.mark.parametrize(
    ("name", "distribution"),
    [("yaml", "pyyaml"), ("dateutil", "python-dateutil"), ("PIL", "pillow"), ("MySQLdb", "mysqlclient")],
)
def test_reviewed_sources_outvote_collected_hints(name: str, distribution: str) -> None:
    assert known_names()[name].choice == distribution
