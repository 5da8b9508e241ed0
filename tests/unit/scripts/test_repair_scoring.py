"""When a set counts as repaired, and what a tool's figures are made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.repair.scoring import Outcome, failures, judge, table, totals
from scripts.repair.sets import ImportSet, SetError, load_sets
from scripts.repair.tools import listed

MIXED = ImportSet(
    "mixed",
    ("bs4", "cv2", "own"),
    {
        "bs4": frozenset({"beautifulsoup4"}),
        "cv2": frozenset({"opencv-python", "opencv-python-headless"}),
        "own": frozenset(),
    },
)
ALL = frozenset({"bs4", "cv2"})


@pytest.mark.parametrize(
    ("outcome", "repaired", "wrong", "missing"),
    [
        (Outcome(("beautifulsoup4", "opencv-python"), ALL), True, (), ()),
        (Outcome(("BeautifulSoup4", "OpenCV_Python.Headless"), ALL), True, (), ()),
        (Outcome(("beautifulsoup4",), frozenset({"bs4"})), False, (), ("cv2",)),
        (Outcome(("beautifulsoup4", "opencv-python", "own"), ALL), False, ("own",), ()),
        (Outcome(("bs4", "bs4", "BS4"), frozenset({"bs4"})), False, ("bs4",), ("cv2",)),
        (Outcome((), frozenset()), False, (), ("bs4", "cv2")),
    ],
)
def test_a_set_is_repaired_when_all_imports_work_with_right_distributions_alone(
    outcome: Outcome, repaired: bool, wrong: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    score = judge(MIXED, outcome)
    assert (score.repaired, score.wrong, score.missing) == (repaired, wrong, missing)


def test_where_nothing_is_right_adding_nothing_is_right() -> None:
    own = ImportSet("own", ("own",), {"own": frozenset()})
    assert judge(own, Outcome()).repaired
    assert judge(own, Outcome(("own",), frozenset({"own"}))).wrong == ("own",)


def test_figures_are_sums_over_all_sets() -> None:
    good = judge(MIXED, Outcome(("beautifulsoup4", "opencv-python"), ALL, 2.04, 2))
    bad = judge(MIXED, Outcome(("bs4", "own"), ALL, 1.0, 1, "it broke off"))
    figures = totals([good, bad])
    assert figures == {"sets": 2, "repaired": 1, "wrong_packages": 2, "rounds": 3, "seconds": 3.0}
    assert table({"naive": figures})[1] == ["naive", "2", "1", "2", "3", "3.0"]
    assert failures([good, bad]) == ["mixed: wrong: bs4, own; it broke off"]


@pytest.mark.parametrize(
    "entry",
    [
        {"id": "a", "imports": [], "right": {}},
        {"id": "a", "imports": ["yaml"], "right": {}},
        {"id": "a", "imports": ["yaml"], "right": {"yaml": "pyyaml"}},
        {"id": "a", "imports": ["yaml", "yaml"], "right": {"yaml": ["pyyaml"]}},
        {"id": "a", "imports": ["import os; os"], "right": {"import os; os": []}},
        {"id": "a", "imports": ["yaml"], "right": {"yaml": ["pyyaml"]}, "more": 1},
        {"imports": ["yaml"], "right": {"yaml": ["pyyaml"]}},
        "yaml",
    ],
)
def test_a_set_that_is_none_is_refused_with_its_file(tmp_path: Path, entry: Any) -> None:
    file = tmp_path / "sets.json"
    file.write_text(json.dumps([entry]))
    with pytest.raises(SetError, match=r"sets\.json"):
        load_sets([file])


def test_sets_of_several_files_come_in_order_up_to_the_limit_and_have_names_normalised(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one.json", "two.json")]
    for file in files:
        file.write_text(json.dumps([{"id": file.stem, "imports": ["yaml"], "right": {"yaml": ["PyYAML"]}}]))
    assert [one.id for one in load_sets(files)] == ["one", "two"]
    assert load_sets(files, 1)[0].all_right == {"pyyaml"}
    with pytest.raises(SetError, match="twice: one"):
        load_sets([files[0], files[0]])


def test_names_are_read_from_a_tools_requirements() -> None:
    text = (
        "# made by a tool\n--index-url http://x\nPyYAML==6.0\n\nbeautifulsoup4\nruamel.yaml>=0.1 ; python_version>'3'\n"
    )
    assert listed(text) == ["PyYAML", "beautifulsoup4", "ruamel.yaml"]
