"""`tasks.md`: what of it counts, what is refused, and that setting subtasks touches their marks alone."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonmind.missions.errors import MissionError
from moonmind.missions.events import SubtaskStatus
from moonmind.missions.tasks_document import Section, Subtask, parse_tasks, set_subtasks

TASKS = """# Tasks: Night shift

- [ ] T999 belongs to no package
Depends on: nothing at all

## Phase 1: Foundation

### WP01: Parser
Depends on: none
- [ ] T001 Read the file
- [x] T002: Report a broken line
  * [X] T003 with an asterisk
- [ ] a box without an id

```text
### WP09: not a package
- [ ] T001 not a subtask
Depends on: whatever
```

## Phase 2: Report

### WP02 – Report

**Depends on:** WP01, WP03

| id | task | status |
|----|------|---------|
| T010 | Draw \\| the table | pending |
| T011 | Print it | Done |
| R-1 | a risk, no subtask | open |

#### Notes
- [ ] T012 deeper headings stay in the package

## WP03
- [ ] T020
## Definition of done
- [ ] T021 belongs to no package
"""


def sections(text: str) -> tuple[Section, ...]:
    return parse_tasks(text.encode())


def refusal(text: str) -> MissionError:
    with pytest.raises(MissionError) as caught:
        sections(text)
    assert caught.value.code == "BrokenTasks"
    return caught.value


def test_packages_are_read_with_phase_title_and_dependencies() -> None:
    read = [(one.wp_id, one.title, one.phase, one.dependencies, one.line) for one in sections(TASKS)]
    assert read == [
        ("WP01", "Parser", "Phase 1: Foundation", (), 8),
        ("WP02", "Report", "Phase 2: Report", ("WP01", "WP03"), 23),
        ("WP03", "", "Phase 2: Report", (), 36),
    ]


def test_subtasks_are_boxes_and_rows_of_a_table_with_id_and_status() -> None:
    first, second, third = sections(TASKS)
    assert first.subtasks == (
        Subtask("T001", "Read the file", False, "checkbox", 10),
        Subtask("T002", "Report a broken line", True, "checkbox", 11),
        Subtask("T003", "with an asterisk", True, "checkbox", 12),
    )
    assert second.subtasks == (
        Subtask("T010", "Draw \\| the table", False, "table", 29),
        Subtask("T011", "Print it", True, "table", 30),
        Subtask("T012", "deeper headings stay in the package", False, "checkbox", 34),
    )
    assert [one.id for one in third.subtasks] == ["T020"]


def test_line_ends_and_a_byte_order_mark_do_not_matter() -> None:
    assert parse_tasks(b"\xef\xbb\xbf" + TASKS.replace("\n", "\r\n").encode()) == sections(TASKS)


def test_an_empty_file_has_no_packages() -> None:
    assert sections("") == ()


@pytest.mark.parametrize(
    "line", ["Depends on: WP02", "depends on: WP02", "**Depends on**: WP02", "- *Depends on:* WP02 , WP02"]
)
def test_depends_on_may_be_emphasised_or_an_item(line: str) -> None:
    assert sections(f"## WP01: x\n{line}\n")[0].dependencies == ("WP02",)


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ("| Status | ID |\n|--|--|\n| done | T001 |\n", [("T001", "", True)]),
        ("| id | owner | status |\n|--|--|--|\n| T001 | ann | todo |\n", [("T001", "ann", False)]),
        ("| task | status |\n|--|--|\n| T001 | done |\n", []),
        ("| a |\n| id | status |\n| T001 | done |\n", []),
        ("| id | status |\n|--|--|\n| T001 |\n", []),
        ("| id | status |\n\n| T001 | done |\n", []),
        ("| id | status | task |\n|--|--|--|\n| T001 | done |\n", [("T001", "", True)]),
    ],
)
def test_tables(table: str, found: list[tuple[str, str, bool]]) -> None:
    assert [(one.id, one.text, one.done) for one in sections(f"## WP01: x\n{table}")[0].subtasks] == found


@pytest.mark.parametrize(
    ("fence", "count"),
    [("```\n{}\n```\n", 1), ("~~~~\n```\n~~~\n{}\n~~~~\n", 1), ("``` `` `\n{}\n", 2), ("```\n{}", 1)],
)
def test_a_fence_ends_where_one_as_long_of_its_kind_stands(fence: str, count: int) -> None:
    assert len(sections("## WP01: x\n" + fence.format("## WP02: y"))) == count


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("## WP01: x\n## WP02: y\n### WP01: z\n", 3, "on line 1"),
        ("## WP1: x\n", 1, "`WP1` is no package"),
        ("## wp01: x\n", 1, "`wp01` is no package"),
        ("## WP01: x\nDepends on: WP02 and WP03\n", 2, "`WP02 and WP03` is no package"),
        ("## WP01: x\nDepends on:\n", 2, "or `none`"),
        ("## WP01: x\nDepends on: none, WP02\n", 2, "`none` is no package"),
        ("## WP01: x\nDepends on: WP02\nDepends on: WP03\n", 3, "second `Depends on:`"),
        ("## WP01: x\n- [ ] T001 a\n## WP02: y\n- [x] T001 b\n", 4, "T001 stands there twice"),
        ("## WP01: x\n- [ ] T1 a\n", 2, "`T1` is no subtask"),
        ("## WP01: x\n| id | status |\n|--|--|\n| T1 | done |\n", 4, "`T1` is no subtask"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(text: str, line: int, said: str) -> None:
    refused = refusal(text)
    assert str(refused).startswith(f"tasks.md, line {line}: ")
    assert said in str(refused)
    assert refused.details == {"line": line}


def test_what_is_not_utf_8_is_refused_with_its_line() -> None:
    with pytest.raises(MissionError, match=r"tasks\.md, line 2: it is not UTF-8"):
        parse_tasks(b"# Tasks\n\xff\n")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_setting_subtasks_changes_their_marks_alone(newline: str) -> None:
    changed = set_subtasks(
        TASKS.replace("\n", newline).encode(),
        {"T001": "done", "T002": "pending", "T010": "done", "T011": "pending", "T012": "done", "T999": "done"},
    )
    expected = (
        TASKS.replace("- [ ] T001 Read", "- [x] T001 Read")
        .replace("- [x] T002", "- [ ] T002")
        .replace("the table | pending |", "the table | done    |")
        .replace("Print it | Done |", "Print it | pending |")
        .replace("- [ ] T012", "- [x] T012")
    )
    assert changed.decode() == expected.replace("\n", newline)


def test_what_shows_the_status_already_stays_as_it_is() -> None:
    told: dict[str, SubtaskStatus] = {"T003": "done", "T010": "pending", "T011": "done"}
    assert set_subtasks(TASKS.encode(), told) == TASKS.encode()


def test_a_byte_order_mark_stays() -> None:
    content = b"\xef\xbb\xbf## WP01: x\n- [ ] T001 a"
    assert set_subtasks(content, {"T001": "done"}) == content.replace(b"[ ]", b"[x]")


statuses = st.dictionaries(
    st.sampled_from(["T001", "T002", "T003", "T010", "T011", "T012", "T020", "T021"]),
    st.sampled_from(get_args(SubtaskStatus)),
)
documents = st.lists(st.sampled_from([*TASKS.splitlines(), "~~~", "é | x |", "|||"]), unique=True).map("\n".join)


@given(documents, statuses)
def test_what_is_set_is_shown_and_all_else_is_as_before(text: str, told: dict[str, SubtaskStatus]) -> None:
    try:
        before = sections(text)
    except MissionError:
        return
    changed = set_subtasks(text.encode(), told)
    assert set_subtasks(changed, told) == changed
    assert len(changed.split(b"\n")) == len(text.split("\n"))
    for old, new in zip(before, parse_tasks(changed), strict=True):
        assert (old.wp_id, old.dependencies, old.title) == (new.wp_id, new.dependencies, new.title)
        shown = {one.id: "done" if one.done else "pending" for one in old.subtasks}
        assert {one.id: "done" if one.done else "pending" for one in new.subtasks} == shown | {
            name: status for name, status in told.items() if name in shown
        }
