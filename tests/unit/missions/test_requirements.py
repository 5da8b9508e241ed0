"""The decision of `map-requirements`."""

from __future__ import annotations

from typing import Any

import pytest

from moonmind.missions.board import Board, Package
from moonmind.missions.documents.packages import FrontMatter
from moonmind.missions.errors import REFUSED, USAGE, Refusal, RefusedError
from moonmind.missions.requirements import MappingRequest, RequirementMap, decide_mapping
from moonmind.missions.snapshot import Snapshot
from tests.support.missions import meta

KNOWN = ("FR-1", "FR-2", "NFR-1", "C-1")
META = meta()


def board(**packages: dict[str, Any]) -> Board:
    snapshot = Snapshot(mission_id=META.mission_id, mission_slug=META.slug, at=None, events=0, work_packages={})
    files = {
        wp_id: Package(f"tasks/{wp_id}-x.md", FrontMatter(work_package_id=wp_id, title="x", **keys))
        for wp_id, keys in packages.items()
    }
    return Board(META, (), files, [], snapshot)


BOARD = board(WP01={"requirement_refs": ["FR-1"], "tracker_refs": ["#1"]}, WP02={})


def decide(on: Board = BOARD, **request: Any) -> RequirementMap:
    answer = decide_mapping(MappingRequest(**request), on, KNOWN)
    assert isinstance(answer, RequirementMap)
    return answer


def refusal(on: Board = BOARD, **request: Any) -> Refusal:
    answer = decide_mapping(MappingRequest(**request), on, KNOWN)
    assert isinstance(answer, Refusal)
    return answer


def test_references_are_added_to_those_that_are_there_each_once() -> None:
    answer = decide(wp="WP01", refs=" c-1, FR-1,fr-2,FR-2,")
    assert answer == RequirementMap(modified={"WP01": {"requirement_refs": ["FR-1", "C-1", "FR-2"]}}, unchanged=())


def test_with_replace_those_that_were_there_are_gone() -> None:
    assert decide(wp="WP01", refs="C-1", replace=True).modified == {"WP01": {"requirement_refs": ["C-1"]}}


def test_a_package_that_has_them_is_unchanged() -> None:
    assert decide(wp="WP01", refs="FR-1") == RequirementMap(modified={}, unchanged=("WP01",))


def test_what_is_there_in_lower_case_is_mended() -> None:
    on = board(WP01={"requirement_refs": ["fr-1"]})
    assert decide(on, wp="WP01", refs="FR-1").modified == {"WP01": {"requirement_refs": ["FR-1"]}}


def test_a_batch_maps_many_packages() -> None:
    answer = decide(batch='{"WP02": ["FR-2", " c-1 "], "WP01": []}')
    assert answer == RequirementMap(modified={"WP02": {"requirement_refs": ["FR-2", "C-1"]}}, unchanged=("WP01",))


def test_a_batch_may_take_all_references_away() -> None:
    assert decide(batch='{"WP01": []}', replace=True).modified == {"WP01": {"requirement_refs": []}}


def test_tracker_references_are_kept_as_they_are_written() -> None:
    assert decide(wp="WP01", tracker_refs=[" abc-3", "#1"]).modified == {"WP01": {"tracker_refs": ["#1", "abc-3"]}}


def test_tracker_references_may_be_replaced() -> None:
    assert decide(wp="WP01", tracker_refs=["#2"], replace=True).modified == {"WP01": {"tracker_refs": ["#2"]}}


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"replace": True},
        {"wp": "WP01"},
        {"wp": "WP01", "refs": " , "},
        {"refs": "FR-1"},
        {"tracker_refs": ["#1"]},
        {"wp": "WP01", "refs": "FR-1", "tracker_refs": ["#1"]},
        {"wp": "WP01", "batch": "{}"},
        {"refs": "FR-1", "batch": "{}"},
        {"tracker_refs": ["#1"], "batch": "{}"},
    ],
)
def test_anything_but_one_way_a_call_is_wrong_usage(request_: dict[str, Any]) -> None:
    refused = refusal(**request_)
    assert (refused.code, refused.exit_code) == ("MappingUsage", USAGE)
    assert RefusedError(refused).exit_code == USAGE


@pytest.mark.parametrize("batch", ["", "{", "[]", '{"WP01": "FR-1"}', '{"WP01": [1]}', "{}", '{"WP01": ["\udcff"]}'])
def test_a_batch_that_is_no_json_object_of_lists_is_wrong_usage(batch: str) -> None:
    refused = refusal(batch=batch)
    assert (refused.code, refused.exit_code) == ("BrokenBatch", USAGE)
    assert '{"WP01": ["FR-1"]}' in refused.message


def test_a_package_without_a_file_refuses_all() -> None:
    refused = refusal(batch='{"WP01": ["FR-2"], "WP42": ["FR-1"], "WP43": ["XX"]}')
    assert (refused.code, refused.exit_code) == ("UnknownWorkPackage", REFUSED)
    assert refused.details == {"work_packages": ["WP42", "WP43"]}
    assert "WP01, WP02" in refused.message


def test_without_any_package_there_is_none_to_name() -> None:
    assert refusal(board(), wp="WP01", refs="FR-1").message.endswith(": none")


@pytest.mark.parametrize("ref", ["FR1", "FR-", "X-1", "FR-123456", "FR-1\n2", "\N{ARABIC-INDIC DIGIT ONE}"])
def test_what_is_no_requirement_refuses_all(ref: str) -> None:
    refused = refusal(wp="WP02", refs=f"FR-1,{ref}")
    assert refused.code == "InvalidRequirement"
    assert refused.details == {"references": {"WP02": [ref]}}


def test_what_the_specification_does_not_have_refuses_all_packages() -> None:
    refused = refusal(batch='{"WP01": ["NFR-1"], "WP02": ["FR-9", "C-9"]}')
    assert refused.code == "UnknownRequirement"
    assert refused.details == {"references": {"WP02": ["FR-9", "C-9"]}}
    assert "FR-1, FR-2, NFR-1, C-1" in refused.message


def test_what_the_package_has_already_is_checked_too_unless_it_is_replaced() -> None:
    on = board(WP01={"requirement_refs": ["FR-9"]})
    assert refusal(on, wp="WP01", refs="FR-1").details == {"references": {"WP01": ["FR-9"]}}
    assert decide(on, wp="WP01", refs="FR-1", replace=True).modified == {"WP01": {"requirement_refs": ["FR-1"]}}


def test_without_a_specification_nothing_is_known() -> None:
    answer = decide_mapping(MappingRequest(wp="WP02", refs="FR-1"), BOARD, ())
    assert isinstance(answer, Refusal)
    assert "which has none" in answer.message


@pytest.mark.parametrize("ref", ["", " ", "a\nb", "x" * 501, "\udcff"])
def test_a_tracker_reference_is_one_line(ref: str) -> None:
    assert refusal(wp="WP02", tracker_refs=["#1", ref]).code == "InvalidTrackerRef"
