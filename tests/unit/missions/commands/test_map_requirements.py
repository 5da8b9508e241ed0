"""`map-requirements`: the core says which package has which references, and all files change at once or none."""

from __future__ import annotations

from typing import Any

import pytest

from moonmind.missions import requirements
from moonmind.missions.commands.map_requirements import _do_map_requirements
from moonmind.missions.errors import USAGE, MissionError, Refusal
from moonmind.missions.front_matter import parse_front_matter
from moonmind.missions.requirements import MappingRequest, RequirementMap
from tests.unit.missions.commands.desk import PACKAGES, PARSER, REPORT, SLUG, Desk, coordination


def map_requirements(desk: Desk, **options: Any) -> None:
    _do_map_requirements(ports=desk.ports, **options)


def refs(desk: Desk, path: str) -> list[str]:
    return parse_front_matter(desk.files[path], path).requirement_refs


def test_a_package_gets_its_references_and_every_other_byte_stays() -> None:
    desk = Desk()
    map_requirements(desk, wp="WP01", refs="fr-1,C-1")
    assert refs(desk, PARSER) == ["FR-1", "C-1"]
    lines = desk.text(PARSER).splitlines()
    assert [line for line in lines if not line.startswith("requirement_refs")] == PACKAGES[PARSER].splitlines()


def test_many_packages_are_one_commit() -> None:
    desk = Desk()
    map_requirements(desk, batch='{"WP01": ["FR-1"], "WP02": ["FR-2"]}')
    (commit,) = desk.commits
    assert (commit.kind, commit.branch, commit.paths) == (
        "package", "work", (f"specs/{SLUG}/{PARSER}", f"specs/{SLUG}/{REPORT}"),
    )  # fmt: skip
    assert commit.message is not None
    assert commit.message.startswith("WP01, WP02: ")
    assert not desk.new_events


def test_programs_are_told_exactly_this() -> None:
    desk = Desk(files={REPORT: PACKAGES[REPORT].replace("title", "requirement_refs: [FR-2]\ntitle")})
    map_requirements(desk, batch='{"WP01": ["FR-1", "C-1"], "WP02": ["FR-2"]}')
    assert desk.document == {
        "result": "mapped",
        "mappings": {"WP01": {"requirement_refs": ["FR-1", "C-1"]}},
        "unchanged_wps": ["WP02"],
    }
    changed, same, comes = desk.render.words[0].split("\n")
    assert (changed, same) == ("WP01 has FR-1, C-1", "WP02 had them already")
    assert "moonmind tasks finalize-tasks" in comes


def test_trackers_are_added_to_those_that_are_there_or_replace_them() -> None:
    desk = Desk()
    map_requirements(desk, wp="WP02", tracker_refs=("#2",))
    assert parse_front_matter(desk.files[REPORT], REPORT).tracker_refs == ["#1", "#2"]
    map_requirements(desk, wp="WP02", tracker_refs=("#3",), replace=True)
    assert parse_front_matter(desk.files[REPORT], REPORT).tracker_refs == ["#3"]


def test_what_is_so_already_is_not_written() -> None:
    desk = Desk()
    map_requirements(desk, wp="WP02", tracker_refs=("#1",))
    assert desk.files == desk.before
    assert not desk.commits
    assert desk.document["result"] == "unchanged"


def test_one_unknown_reference_refuses_all() -> None:
    desk = Desk()
    with pytest.raises(MissionError, match="FR-9"):
        map_requirements(desk, batch='{"WP01": ["FR-1"], "WP02": ["FR-9"]}')
    assert desk.is_untouched


def test_without_a_specification_nothing_is_known() -> None:
    desk = Desk()
    del desk.files["spec.md"]
    desk.before = dict(desk.files)
    with pytest.raises(MissionError, match="FR-1"):
        map_requirements(desk, wp="WP01", refs="FR-1")
    assert desk.is_untouched


@pytest.mark.parametrize("is_coordinated", [False, True])
def test_a_protected_branch_refuses(is_coordinated: bool) -> None:
    desk = Desk(of=coordination() if is_coordinated else None, branch="main")
    with pytest.raises(MissionError) as caught:
        map_requirements(desk, wp="WP01", refs="FR-1")
    assert (caught.value.code, caught.value.exit_code) == ("ProtectedBranch", 1)
    assert desk.is_untouched


def test_without_auto_commit_the_files_are_left_to_the_user() -> None:
    desk = Desk(branch="main")
    map_requirements(desk, wp="WP01", refs="FR-1", auto_commit=False)
    assert [commit.branch for commit in desk.commits] == [None]


# The core's value drives the command


def test_the_core_is_asked_what_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def decide(request: MappingRequest, *known: Any) -> Refusal:
        asked.extend((request, known[1]))
        return Refusal("No", "no")

    monkeypatch.setattr(requirements, "decide_mapping", decide)
    typed: dict[str, Any] = {"wp": "WP01", "refs": "FR-1", "batch": "{}", "tracker_refs": ("#1",), "replace": True}
    with pytest.raises(MissionError):
        map_requirements(Desk(), **typed)
    assert asked == [MappingRequest(**typed), ("FR-1", "FR-2", "NFR-1", "C-1")]


def test_a_constant_refusal_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    constant = Refusal("Sentinel", "the sentinel says no", {"key": 7}, exit_code=USAGE)
    monkeypatch.setattr(requirements, "decide_mapping", lambda *_: constant)
    desk = Desk()
    with pytest.raises(MissionError, match="the sentinel says no") as caught:
        map_requirements(desk, wp="WP01", refs="FR-1")
    assert (caught.value.code, caught.value.exit_code, caught.value.details) == ("Sentinel", 2, {"key": 7})
    assert desk.is_untouched


def test_a_constant_mapping_is_written_whatever_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    constant = RequirementMap(modified={"WP02": {"requirement_refs": ["FR-77"]}}, unchanged=("WP01",))
    monkeypatch.setattr(requirements, "decide_mapping", lambda *_: constant)
    desk = Desk()
    map_requirements(desk, wp="WP01", refs="FR-1")
    assert (refs(desk, PARSER), refs(desk, REPORT)) == ([], ["FR-77"])
    assert desk.document["unchanged_wps"] == ["WP01"]
