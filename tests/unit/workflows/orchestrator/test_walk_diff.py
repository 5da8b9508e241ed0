"""What each line of a unified diff is, whatever its text looks like."""

from __future__ import annotations

import pytest

from moonmind.workflows.orchestrator.edits import walk_diff

HEAD = ["--- a/f", "+++ b/f"]
NOTE = "\\ No newline at end of file"


@pytest.mark.parametrize(
    ("lines", "kinds"),
    [
        ([*HEAD, "@@ -1,2 +1,2 @@ def f", " a", "-b", "+c"], "outside outside hunk same removed added"),
        ([*HEAD, "@@ -1 +1 @@", "-b", "+c", NOTE, *HEAD], "outside outside hunk removed added note outside outside"),
        (["@@ -1 +1 @@", "-b", NOTE, "+c"], "hunk removed note added"),
        (["@@ -1,2 +0,0 @@", "--- a/f", "-@@ -1 +1 @@", "+x"], "hunk removed removed outside"),
        (["@@ -1 +1 @@", "", "x"], "hunk same outside"),
        ([NOTE, "said", "@@ nothing @@", "@@ -1,9 +1,9 @@"], "outside outside outside hunk"),
        ([f"@@ -1 +{'9' * 5000} @@", "+x"], "outside outside"),
    ],
)
def test_a_line_is_what_the_counts_of_its_hunk_say(lines: list[str], kinds: str) -> None:
    assert [line.kind for line in walk_diff(lines)] == kinds.split()


def test_lines_have_their_numbers_and_no_marks() -> None:
    numbered = [(line.old, line.new, line.text) for line in walk_diff(["@@ -4,2 +7,2 @@", " a", "-b", "+c", NOTE])]
    assert numbered == [
        (4, 7, "@@ -4,2 +7,2 @@"),
        (4, 7, "a"),
        (5, None, "b"),
        (None, 8, "c"),
        (None, None, "No newline at end of file"),
    ]
