"""The decision of `finalize-tasks`, and how patterns of owned files are compared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonmind.missions.board import Board, Package
from moonmind.missions.documents.packages import FrontMatter
from moonmind.missions.documents.tasks_document import Section, Subtask
from moonmind.missions.errors import Refusal
from moonmind.missions.finalize import FinalizePlan, decide_finalize
from moonmind.missions.lanes import Lane
from moonmind.missions.ownership import close_pairs, may_share
from moonmind.missions.snapshot import PackageState, Snapshot
from tests.support.missions import meta

META = meta()


def section(wp_id: str, *dependencies: str, subtasks: Sequence[str] = ()) -> Section:
    marks = tuple(Subtask(name, "x", False, "checkbox", 1) for name in subtasks)
    return Section(wp_id, "x", None, dependencies, marks, 1)


def board(
    sections: Sequence[Section],
    files: dict[str, dict[str, Any]] | None = None,
    lanes: dict[str, Lane] | None = None,
    *,
    has_tasks: bool = True,
) -> Board:
    """`files`: keys of the front matters; without them, an empty one for each section."""
    fronts = {one.wp_id: {} for one in sections} if files is None else files
    states = {wp_id: PackageState(lane=lane) for wp_id, lane in (lanes or {}).items()}
    return Board(
        META,
        sections,
        {
            wp_id: Package(f"tasks/{wp_id}-x.md", FrontMatter(work_package_id=wp_id, title="x", **keys))
            for wp_id, keys in fronts.items()
        },
        [],
        Snapshot(mission_id=META.mission_id, mission_slug=META.slug, at=None, events=0, work_packages=states),
        has_tasks,
    )


def plan(on: Board, known: Sequence[str] = ()) -> FinalizePlan:
    answer = decide_finalize(on, known)
    assert isinstance(answer, FinalizePlan), answer
    return answer


def refusal(on: Board, known: Sequence[str] = ()) -> Refusal:
    answer = decide_finalize(on, known)
    assert isinstance(answer, Refusal)
    return answer


TWO = (section("WP02", "WP01", subtasks=["T002"]), section("WP01", subtasks=["T001", "T003"]))


def test_dependencies_and_subtasks_are_copied_into_files_that_do_not_have_them() -> None:
    assert plan(board(TWO)) == FinalizePlan(
        modified={
            "WP02": {"dependencies": ["WP01"], "subtasks": ["T002"]},
            "WP01": {"dependencies": [], "subtasks": ["T001", "T003"]},
        },
        unchanged=(),
        preserved=(),
        dependencies={"WP02": ("WP01",), "WP01": ()},
    )


def test_only_the_missing_key_is_set() -> None:
    on = board(TWO, {"WP01": {"dependencies": []}, "WP02": {"subtasks": ["T002"]}})
    assert plan(on).modified == {"WP02": {"dependencies": ["WP01"]}, "WP01": {"subtasks": ["T001", "T003"]}}


def test_files_that_say_the_same_are_unchanged_in_whatever_order() -> None:
    files = {
        "WP01": {"dependencies": [], "subtasks": ["T003", "T001"]},
        "WP02": {"dependencies": ["WP01"], "subtasks": ["T002"]},
    }
    done = plan(board(TWO, files, {"WP01": "done"}))
    assert (done.modified, done.unchanged, done.preserved) == ({}, ("WP02", "WP01"), ())


def test_packages_that_have_left_planned_are_left_alone() -> None:
    done = plan(board(TWO, lanes={"WP01": "claimed"}))
    assert (list(done.modified), done.unchanged, done.preserved) == (["WP02"], (), ("WP01",))


def test_without_tasks_there_is_nothing_to_finalize() -> None:
    refused = refusal(board((), has_tasks=False))
    assert refused.code == "NoTasks"
    assert "specs/007-night-shift" in refused.message


def test_a_section_without_a_file_is_refused() -> None:
    refused = refusal(board(TWO, {"WP01": {}}))
    assert (refused.code, refused.details) == ("SectionWithoutFile", {"work_packages": ["WP02"]})
    assert "tasks/WP02-NAME.md" in refused.message


def test_a_file_without_a_section_is_refused() -> None:
    refused = refusal(board(TWO, {"WP01": {}, "WP02": {}, "WP03": {}}))
    assert refused.code == "FileWithoutSection"
    assert refused.details == {"work_packages": ["WP03"], "files": ["tasks/WP03-x.md"]}


@pytest.mark.parametrize(
    ("sections", "cycle"),
    [
        ((section("WP01", "WP01"),), ["WP01", "WP01"]),
        ((section("WP01", "WP03"), section("WP02"), section("WP03", "WP02", "WP01")), ["WP01", "WP03", "WP01"]),
    ],
)
def test_a_cycle_is_shown(sections: Sequence[Section], cycle: list[str]) -> None:
    refused = refusal(board(sections))
    assert (refused.code, refused.details) == ("DependencyCycle", {"cycle": cycle})
    assert " → ".join(cycle) in refused.message


def test_an_unknown_dependency_is_refused() -> None:
    refused = refusal(board((section("WP01", "WP42", "WP02"), section("WP02"))))
    assert (refused.code, refused.details) == ("UnknownDependency", {"unknown": {"WP01": ["WP42"]}})


@pytest.mark.parametrize(
    ("keys", "key", "tasks", "said"),
    [
        ({"dependencies": []}, "dependencies", ["WP01"], "are none, and tasks.md says WP01"),
        ({"dependencies": ["WP01", "WP03"]}, "dependencies", ["WP01"], "are WP01, WP03, and tasks.md says WP01"),
        ({"subtasks": ["T009"]}, "subtasks", ["T002"], "are T009, and tasks.md says T002"),
    ],
)
def test_a_file_that_says_something_else_is_refused(
    keys: dict[str, list[str]], key: str, tasks: list[str], said: str
) -> None:
    refused = refusal(board(TWO, {"WP01": {}, "WP02": keys}, {"WP02": "done"}))
    assert refused.code == "FrontMatterDisagrees"
    assert f"tasks/WP02-x.md: its `{key}` {said}" in refused.message
    assert refused.details == {
        "disagreements": [{"work_package_id": "WP02", "key": key, "tasks": tasks, "file": keys[key]}]
    }


OWNERS: dict[str, dict[str, Any]] = {
    "WP01": {"owned_files": ["src/**"]},
    "WP02": {},
    "WP03": {"owned_files": ["src/a.py"]},
}


def test_two_packages_without_an_order_do_not_own_the_same_file() -> None:
    refused = refusal(board((section("WP01"), section("WP02", "WP01"), section("WP03")), OWNERS))
    assert refused.code == "SharedFiles"
    assert refused.details == {"work_packages": ["WP01", "WP03"], "patterns": ["src/**", "src/a.py"]}


@pytest.mark.parametrize(
    "sections",
    [
        (section("WP01"), section("WP02", "WP01"), section("WP03", "WP02")),
        (section("WP01", "WP02"), section("WP02", "WP03"), section("WP03")),
    ],
)
def test_they_may_when_one_waits_for_the_other_at_a_distance(sections: Sequence[Section]) -> None:
    assert plan(board(sections, OWNERS)).modified


def test_a_canceled_package_owns_nothing() -> None:
    sections = (section("WP01"), section("WP02"), section("WP03"))
    assert plan(board(sections, OWNERS, {"WP01": "canceled"})).preserved == ("WP01",)


def test_every_functional_requirement_is_somebody_s() -> None:
    on = board(TWO, {"WP01": {"requirement_refs": ["fr-1"]}, "WP02": {}})
    refused = refusal(on, ["FR-1", "FR-2", "NFR-1", "C-1", "FR-3"])
    assert (refused.code, refused.details) == ("UnmappedRequirement", {"requirements": ["FR-2", "FR-3"]})
    assert plan(on, ["FR-1", "NFR-1"]).modified


def test_what_a_canceled_package_was_to_do_is_nobody_s() -> None:
    on = board(TWO, {"WP01": {"requirement_refs": ["FR-1", "FR-9"]}, "WP02": {}}, {"WP01": "canceled"})
    assert refusal(on, ["FR-1"]).details == {"requirements": ["FR-1"]}


def test_a_reference_to_what_the_specification_does_not_have_is_refused() -> None:
    on = board(TWO, {"WP01": {"requirement_refs": ["FR-1", "FR-9"]}, "WP02": {}})
    refused = refusal(on, ["FR-1"])
    assert (refused.code, refused.details) == ("UnknownRequirement", {"references": {"WP01": ["FR-9"]}})


@pytest.mark.parametrize(
    ("one", "other", "shares"),
    [
        ("src/a.py", "src/a.py", True),
        ("src/a.py", "./src//a.py", True),
        ("src/a.py", "src/b.py", False),
        ("src/*.py", "src/a.py", True),
        ("src/*.py", "src/deep/a.py", False),
        ("src/*.py", "src/a.md", False),
        ("src/**", "src/deep/a.py", True),
        ("src/**", "srcs/a.py", False),
        ("src/**", "src", True),
        ("src", "src/a.py", True),
        ("src", "src/*.py", True),
        ("src", "src/deep/*.py", True),
        ("src/", "**/a.py", True),
        ("Dockerfile", "**/*.py", False),
        ("src/a", "src/a.py", False),
        ("**/*.md", "docs/x.md", True),
        ("**/*.md", "src/**", True),
        ("**", "anything", True),
        ("**/test_*.py", "src/a.py", False),
        ("src/**/a.py", "src/a.py", True),
        ("src/**/a.py", "src/x/y/a.py", True),
        ("src/**/a.py", "src/**/b.py", False),
        ("a*.py", "*b.py", True),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a[bx]c", "abc", True),
        ("a[]]c", "a]c", True),
        ("a[b", "a[b", True),
        (r"a\*c", "abc", False),
        (r"a\*c", "a*c", True),
        ("a**c", "abbc", True),
        ("a**c", "ab/bc", False),
        ("a/*/c", "a/**", True),
        ("*/b", "a/*/b", False),
    ],
)
def test_patterns_share_a_file(one: str, other: str, shares: bool) -> None:
    assert (may_share(one, other), may_share(other, one)) == (shares, shares)


paths = st.lists(st.text("ab", min_size=1, max_size=2), min_size=1, max_size=3).map("/".join)
patterns = st.lists(st.sampled_from(["a", "ab", "*", "?", "a*", "*b", "?b", "**"]), min_size=1, max_size=4).map(
    "/".join
)


def matches(pattern: str, path: str) -> bool:
    """The same by a regular expression."""
    parts = {"*": "[^/]*", "?": "[^/]"}
    texts = [
        "(?:[^/]+/)*" if one == "**" else "".join(parts.get(char, char) for char in one) + "/"
        for one in pattern.split("/")
    ]
    return re.fullmatch("".join(texts), path + "/") is not None


@given(paths, patterns, patterns)
def test_two_patterns_of_a_path_share_it_and_are_compared(path: str, one: str, other: str) -> None:
    is_folder = path.startswith(one + "/") or re.split(r"[*?]", one)[0].startswith(path + "/")
    assert may_share(one, path) == (matches(one, path) or is_folder)
    if matches(one, path) and matches(other, path):
        assert may_share(one, other)
        assert len(list(close_pairs({"WP01": [f"./{one}"], "WP02": [other]}))) == 1


def test_patterns_of_one_package_or_of_different_folders_are_not_compared() -> None:
    assert list(close_pairs({"WP01": ["src/a*", "src/**"], "WP02": ["docs/**", "tests/*"]})) == []
