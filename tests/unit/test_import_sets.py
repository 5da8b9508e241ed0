"""The labelled sets are complete, and nothing of them is known to nobody."""

from __future__ import annotations

import json

import pytest

from scripts.repair.sets import FILES, FOLDER, ImportSet, load_sets

EVIDENCE = json.loads((FOLDER / "evidence.json").read_text("utf-8"))


def sets(*files: str) -> list[ImportSet]:
    return load_sets([FOLDER / name for name in files])


def names(*files: str) -> set[str]:
    return {name for one in sets(*files) for name in one.imports}


def test_there_are_as_many_as_the_readme_says() -> None:
    assert (len(sets("programs.json")), len(names("programs.json"))) == (150, 93)
    assert len(names("renamed.json")) >= 150
    assert len({name for one in sets("traps.json") for name in one.imports if not one.right[name]}) >= 40


def test_no_renamed_name_is_among_the_programs() -> None:
    assert not names("renamed.json") & names("programs.json")


@pytest.mark.parametrize("file", FILES)
def test_every_label_has_its_evidence(file: str) -> None:
    for one in sets(file):
        for name, right in one.right.items():
            kept = EVIDENCE[name]
            named = {kept["distribution"], *kept.get("as_well", ())} if "distribution" in kept else set()
            assert named == right, name
            assert right or kept["none"], name


def test_one_name_has_one_label() -> None:
    labels: dict[str, set[frozenset[str]]] = {}
    for one in sets(*FILES):
        for name, right in one.right.items():
            labels.setdefault(name, set()).add(right)
    assert not {name for name, found in labels.items() if len(found) > 1}
