"""A change to look at."""

from __future__ import annotations

from api_service.ui.views.diff import LONGEST_LINE, MOST_LINES, parse_diff
from moonmind.workflows.orchestrator.edits.diffs import unified_diff

BEFORE = b"# needs\nflask>=3\nredis==4.0\n"
AFTER = b"# needs\nflask>=3\nredis==5.0\npython-dateutil>=2.9\n"


def shown(diff: str) -> list[tuple[str, int | None, int | None, str]]:
    return [
        (line.kind, line.old, line.new, line.text) for file in parse_diff(diff).files for line in file.hunks[0].lines
    ]


def test_lines_keep_their_order_and_their_numbers() -> None:
    diff = unified_diff({"requirements.txt": BEFORE}, {"requirements.txt": AFTER})
    (file,) = parse_diff(diff).files
    assert (file.path, file.change, file.added, file.removed) == ("requirements.txt", "changed", 2, 1)
    assert shown(diff) == [
        ("same", 1, 1, "# needs"),
        ("same", 2, 2, "flask>=3"),
        ("removed", 3, None, "redis==4.0"),
        ("added", None, 3, "redis==5.0"),
        ("added", None, 4, "python-dateutil>=2.9"),
    ]


def test_what_goes_stands_beside_what_comes() -> None:
    (file,) = parse_diff(unified_diff({"a": BEFORE}, {"a": AFTER})).files
    pairs = [(left and left.text, right and right.text) for left, right in file.hunks[0].pairs]
    assert pairs == [
        ("# needs", "# needs"),
        ("flask>=3", "flask>=3"),
        ("redis==4.0", "redis==5.0"),
        (None, "python-dateutil>=2.9"),
    ]


def test_what_changed_within_a_line_is_marked() -> None:
    (file,) = parse_diff(unified_diff({"a": BEFORE}, {"a": AFTER})).files
    removed = next(line for line in file.hunks[0].lines if line.kind == "removed")
    assert removed.parts == (("redis==", False), ("4", True), (".0", False))


def test_lines_with_nothing_in_common_are_not_marked() -> None:
    (file,) = parse_diff(unified_diff({"a": b"abc\n"}, {"a": b"xyz\n"})).files
    assert all(len(line.parts) == 1 for line in file.hunks[0].lines)


def test_new_and_removed_files_are_called_so() -> None:
    files = parse_diff(unified_diff({"old": b"x\n"}, {"new": b"y\n"})).files
    assert [(file.path, file.change) for file in files] == [("new", "new"), ("old", "removed")]


def test_a_line_that_looks_like_a_header_is_a_line() -> None:
    diff = unified_diff({"a": b"-- b/evil\n@@ -1 +1 @@\n"}, {"a": b"++ b/evil\n@@ -1 +1 @@\n"})
    assert [file.path for file in parse_diff(diff).files] == ["a"]
    assert [text for _, _, _, text in shown(diff)] == ["-- b/evil", "++ b/evil", "@@ -1 +1 @@"]


def test_a_missing_line_end_is_a_note() -> None:
    diff = unified_diff({"a": b"x"}, {"a": b"x\n"})
    assert ("note", None, None, "No newline at end of file") in shown(diff)


def test_a_missing_line_end_is_a_note_also_after_a_hunks_last_line() -> None:
    diff = unified_diff({"a": b"x\n", "b": b"1\n"}, {"a": b"x", "b": b"2\n"})
    assert shown(diff)[:3] == [
        ("removed", 1, None, "x"),
        ("added", None, 1, "x"),
        ("note", None, None, "No newline at end of file"),
    ]
    assert [file.path for file in parse_diff(diff).files] == ["a", "b"]


def test_two_hunks_and_two_files_stay_apart() -> None:
    long = [f"line {number}" for number in range(40)]
    changed = ["first", *long[1:-1], "last"]
    diff = unified_diff({"a": "\n".join(long).encode(), "b": b"1\n"}, {"a": "\n".join(changed).encode(), "b": b"2\n"})
    files = parse_diff(diff).files
    assert [(file.path, len(file.hunks)) for file in files] == [("a", 2), ("b", 1)]
    assert files[0].hunks[1].lines[-2].new == 40 or files[0].hunks[1].lines[-1].new == 40


def test_a_diff_without_end_is_cut_and_says_so() -> None:
    body = "".join(f"+{number}\n" for number in range(MOST_LINES + 500))
    diff = parse_diff(f"--- /dev/null\n+++ b/a\n@@ -0,0 +1,{MOST_LINES + 500} @@\n{body}")
    assert diff.left_out == 503
    assert diff.files[0].added == MOST_LINES - 3


def test_an_endless_line_is_cut() -> None:
    diff = parse_diff("--- a/a\n+++ b/a\n@@ -1 +1 @@\n-" + "x" * 1_000_000 + "\n+y\n")
    assert len(diff.files[0].hunks[0].lines[0].text) == LONGEST_LINE + 1


def test_nonsense_is_no_change() -> None:
    for text in ("", "\n", "@@ -1 +1 @@\n+x\n", "--- a\n", "hello\nworld"):
        assert not any(file.hunks for file in parse_diff(text).files)
