"""Which mission is meant."""

from __future__ import annotations

import pytest

from moonmind.missions.errors import USAGE, MissionError
from moonmind.missions.ids import make_ulid
from moonmind.missions.selector import select_mission

NIGHT, NIGHTLY, DAY, SAME_NUMBER = "007-night", "010-nightly-build", "011-day", "007-other-branch"
ALL = [NIGHT, NIGHTLY, DAY]
IDS = {slug: make_ulid(1, index) for index, slug in enumerate(ALL)}
ID_OF_NIGHT = IDS[NIGHT]


def chosen(text: str | None, slugs: list[str] = ALL, folder: str | None = None, branch: str | None = None) -> str:
    return select_mission(text, slugs, IDS, folder=folder, branch=branch)


def refused(
    text: str | None, slugs: list[str] = ALL, folder: str | None = None, branch: str | None = None
) -> MissionError:
    with pytest.raises(MissionError) as caught:
        chosen(text, slugs, folder, branch)
    assert caught.value.exit_code == USAGE
    return caught.value


@pytest.mark.parametrize("text", ["007-night", "night", "7", "007", ID_OF_NIGHT, ID_OF_NIGHT.lower()])
def test_a_mission_is_named_by_slug_words_number_or_id(text: str) -> None:
    assert chosen(text) == NIGHT


@pytest.mark.parametrize("text", ["", "nigh", "07-night", "8", "-7", "7.0", "٧", " night"])
def test_a_part_of_a_name_is_no_name(text: str) -> None:
    error = refused(text)
    assert error.code == "MissionNotFound"
    assert error.details == {"candidates": ["007-night", "010-nightly-build", "011-day"]}
    assert f"`{text}` names no mission. There are: 007-night, 010-nightly-build, 011-day" in str(error)


def test_a_folder_that_is_no_slug_is_named_as_a_whole_only() -> None:
    assert chosen("notes", ["notes", DAY]) == "notes"
    assert chosen("11", ["notes", "x-12", "9" * 5000 + "-x", DAY]) == DAY


def test_two_that_are_meant_are_candidates_not_a_choice() -> None:
    error = refused("7", [NIGHT, SAME_NUMBER, DAY])
    assert error.code == "MissionSelectorAmbiguous"
    assert error.details == {"candidates": ["007-night", "007-other-branch"]}
    assert str(error).endswith("Say which one with --mission SLUG")


def test_an_id_that_two_have_is_ambiguous() -> None:
    with pytest.raises(MissionError) as caught:
        select_mission(ID_OF_NIGHT, ALL, {NIGHT: ID_OF_NIGHT, DAY: ID_OF_NIGHT}, folder=None, branch=None)
    assert caught.value.details == {"candidates": [NIGHT, DAY]}


def test_the_words_of_one_and_the_number_of_another_are_ambiguous() -> None:
    assert refused("2", ["001-2", "002-x"]).code == "MissionSelectorAmbiguous"


def test_what_is_named_counts_before_where_one_stands() -> None:
    assert chosen("day", folder="007-night", branch="007-night") == DAY


def test_the_folder_counts_before_the_branch() -> None:
    assert chosen(None, folder="011-day", branch="007-night") == DAY


def test_a_folder_that_is_no_mission_counts_for_nothing() -> None:
    assert chosen(None, folder="003-notes", branch="007-night") == NIGHT


@pytest.mark.parametrize("branch", ["007-night", "007-night-wp01", "007-night/wp01", "007-night_x"])
def test_the_branch_begins_with_the_slug(branch: str) -> None:
    assert chosen(None, branch=branch) == NIGHT


@pytest.mark.parametrize("branch", ["main", "007-nightly", "007", "x-007-night", "007-night2", None])
def test_another_branch_says_nothing(branch: str | None) -> None:
    assert refused(None, branch=branch).code == "MissionSelectorAmbiguous"


def test_a_branch_that_begins_with_two_slugs_is_ambiguous() -> None:
    error = refused(None, ["007-night", "007-night-shift", DAY], branch="007-night-shift-wp01")
    assert error.details == {"candidates": ["007-night", "007-night-shift"]}


def test_the_only_mission_needs_no_name() -> None:
    assert chosen(None, [DAY]) == DAY


def test_without_any_mission_it_is_said_how_to_make_one() -> None:
    for text in (None, "7"):
        error = refused(text, [])
        assert error.code == "MissionNotFound"
        assert "moonmind mission new TITLE" in str(error)
        assert error.details == {"candidates": []}


def test_the_sentence_names_ten_and_the_document_all() -> None:
    error = refused(None, [f"{number:03}-x" for number in range(1, 13)])
    assert "009-x, 010-x and 2 more" in str(error)
    assert len(error.details["candidates"]) == 12
